"""The log's rows. They are append-only: the database refuses to change or delete one.

Two exceptions have rules of their own there: retention (0002), and reasons of people who are erased (0003).
"""

from typing import Any, Self

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from config.audit.events import label_for


class EntryQuerySet(models.QuerySet["Entry"]):
    def about(self, reference: str) -> Self:
        """Everything done to an order and the rows that belong to it, oldest first."""
        return self.filter(reference=reference).order_by("id")


class Entry(models.Model):
    """One action. Names are stored as they were at the time; nothing references a row that may be deleted.

    No personal data of shoppers: objects are named by number or SKU, and a reason is stripped of addresses,
    phone and card numbers before it is stored.
    """

    at = models.DateTimeField(_("when"), db_default=Now(), editable=False)
    actor_id = models.BigIntegerField(_("user"), null=True)
    actor = models.CharField(_("who"), max_length=254, blank=True, help_text=_("Empty: the shop itself."))
    verb = models.CharField(_("what"), max_length=40)
    object_type = models.CharField(_("kind of thing"), max_length=100)
    object_id = models.CharField(max_length=64, blank=True)
    object_name = models.CharField(_("on"), max_length=200, blank=True)
    reference = models.CharField(_("order"), max_length=64, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    before: models.JSONField[Any, Any] = models.JSONField(_("before"), null=True)
    after: models.JSONField[Any, Any] = models.JSONField(_("after"), null=True)
    request_id = models.CharField(_("request"), max_length=64, blank=True)

    objects = EntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [("export_entry", "Can export the audit log")]
        indexes = [
            models.Index(fields=["reference", "id"], name="audit_of_order", condition=~models.Q(reference="")),
            models.Index(fields=["object_type", "object_id", "id"], name="audit_of_object"),
            models.Index(fields=["actor_id", "-id"], name="audit_of_actor"),
            models.Index(fields=["verb", "-id"], name="audit_of_verb"),
            models.Index(fields=["at"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return f"{label_for(self.verb)}: {self.object_name}"
