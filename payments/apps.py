from django.apps import AppConfig
from django.core import checks
from django.utils.translation import gettext_lazy as _


class PaymentsConfig(AppConfig):
    name = "payments"
    verbose_name = _("Payments")

    def ready(self) -> None:
        from config.accounts.roles import grant
        from payments import gauges  # noqa: F401  they register themselves
        from payments.checks import check_deadline, check_keys
        from payments.roles import GRANTS

        grant(GRANTS)
        checks.register(check_keys, checks.Tags.security, deploy=True)
        checks.register(check_deadline)
