"""Makes the shop's admin site Django's default."""

from django.contrib.admin.apps import AdminConfig


class BackOfficeConfig(AdminConfig):
    default_site = "config.backoffice.site.BackOffice"
