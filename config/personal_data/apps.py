from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PersonalDataConfig(AppConfig):
    name = "config.personal_data"
    label = "personal_data"
    verbose_name = _("Personal data")

    def ready(self) -> None:
        from config.personal_data.retention import DATA_REQUESTS
        from config.retention.rules import keep

        keep(DATA_REQUESTS)
