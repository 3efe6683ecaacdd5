from django.apps import AppConfig
from django.core import checks
from django.utils.translation import gettext_lazy as _


class PaymentsConfig(AppConfig):
    name = "payments"
    verbose_name = _("Payments")

    def ready(self) -> None:
        from config.accounts.roles import grant
        from config.resilience.breakers import register
        from payments import metrics  # noqa: F401  metrics register themselves
        from payments.checks import check_deadline, check_keys
        from payments.gateways.stripe_calls import BACKGROUND_SERVICE, PIX_SERVICE, SERVICE
        from payments.roles import GRANTS

        grant(GRANTS)
        for service in (SERVICE, PIX_SERVICE, BACKGROUND_SERVICE):
            register(service)
        checks.register(check_keys, checks.Tags.security, deploy=True)
        checks.register(check_deadline)
