"""What the rounds have done."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class RetentionRound(models.Model):
    """The last round of one rule. `is_complete`: nothing that was due is left, but for rows in use at that moment."""

    rule = models.CharField(_("rule"), max_length=40, primary_key=True)
    ended_at = models.DateTimeField(_("ended"))
    removed = models.PositiveIntegerField(_("rows"))
    is_complete = models.BooleanField(_("complete"))
    error = models.CharField(_("error"), max_length=100, blank=True)

    class Meta:
        verbose_name = _("retention round")
        verbose_name_plural = _("retention rounds")
        default_permissions = ()

    def __str__(self) -> str:
        return self.rule
