from django.apps import AppConfig
from django.core import checks
from django.db.models.signals import post_delete, post_save
from django.utils.translation import gettext_lazy as _


class ShippingConfig(AppConfig):
    name = "shipping"
    verbose_name = _("Shipping")

    def ready(self) -> None:
        from config.accounts.roles import grant
        from config.personal_data.shares import hold
        from config.resilience.breakers import register
        from config.retention.rules import keep
        from shipping import metrics, receivers  # noqa: F401  metrics register themselves
        from shipping.checks import check_carrier, check_postal_code_service, check_tax_id_policy
        from shipping.models import ShippingMethod, ShippingRate
        from shipping.personal_data import ADDRESSES
        from shipping.retention import QUOTES, SAVED_ADDRESSES
        from shipping.roles import GRANTS

        grant(GRANTS)
        keep(QUOTES, SAVED_ADDRESSES)
        hold(ADDRESSES)
        register("postal_codes")
        register("postal_codes_second")
        register("melhor_envio")
        register("melhor_envio_labels")
        checks.register(check_postal_code_service)
        checks.register(check_carrier)
        checks.register(check_tax_id_policy)
        for model in (ShippingMethod, ShippingRate):
            uid = f"shipping.forget_rates.{model.__name__}"
            post_save.connect(receivers.forget_rates, sender=model, dispatch_uid=uid)
            post_delete.connect(receivers.forget_rates, sender=model, dispatch_uid=uid)
