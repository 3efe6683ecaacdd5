from django.apps import AppConfig
from django.core import checks
from django.utils.translation import gettext_lazy as _


class RetentionConfig(AppConfig):
    name = "config.retention"
    label = "retention"
    verbose_name = _("Retention")

    def ready(self) -> None:
        from config.retention import metrics  # noqa: F401  registers itself
        from config.retention.checks import check_periods

        checks.register(check_periods)
