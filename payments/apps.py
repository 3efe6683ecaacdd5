from django.apps import AppConfig
from django.core import checks
from django.utils.translation import gettext_lazy as _


class PaymentsConfig(AppConfig):
    name = "payments"
    verbose_name = _("Payments")

    def ready(self) -> None:
        from config.accounts.roles import grant
        from config.resilience.breakers import register
        from config.retention.rules import keep
        from config.telemetry import attention
        from payments import metrics  # noqa: F401  metrics register themselves
        from payments.attention import ITEMS
        from payments.checks import check_deadline, check_keys
        from payments.gateways.stripe_calls import BACKGROUND_SERVICE, PIX_SERVICE, SERVICE
        from payments.retention import PAYMENT_TRACES, REFUND_ERRORS, WEBHOOK_EVENTS
        from payments.roles import GRANTS

        grant(GRANTS)
        keep(PAYMENT_TRACES, REFUND_ERRORS, WEBHOOK_EVENTS)
        attention.register(*ITEMS)
        for service in (SERVICE, PIX_SERVICE, BACKGROUND_SERVICE):
            register(service)
        checks.register(check_keys, checks.Tags.security, deploy=True)
        checks.register(check_deadline)
