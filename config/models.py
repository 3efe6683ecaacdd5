"""No table, only permissions: what staff may do with the cache and the breakers."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Machinery(models.Model):
    """One component by name ("breaker stripe"), for the audit log. Holds the permissions of the admin's pages."""

    name = models.CharField(_("name"), max_length=64, primary_key=True)

    class Meta:
        managed = False
        default_permissions = ()
        verbose_name = _("machinery")
        verbose_name_plural = _("machinery")
        permissions = [
            ("view_machinery", "Can see cache and breakers"),
            ("drop_cache", "Can drop a name of the cache"),
            ("close_breaker", "Can close a breaker by hand"),
        ]

    def __str__(self) -> str:
        return self.name
