from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CheckoutConfig(AppConfig):
    name = "checkout"
    verbose_name = _("Orders")

    def ready(self) -> None:
        from checkout import gauges, receivers  # noqa: F401  they connect themselves
