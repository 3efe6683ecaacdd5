"""Tells Django which admin site is the shop's."""

from django.contrib.admin.apps import AdminConfig


class BackOfficeConfig(AdminConfig):
    default_site = "config.backoffice.site.BackOffice"
