"""No table: what staff may do with the machinery, which no model stands for."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Machinery(models.Model):
    """A part of it by its name ("breaker stripe"), for the audit log; bears the permissions of the pages about it."""

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
