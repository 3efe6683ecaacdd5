"""The outbox: what must happen because an order changed."""

from datetime import datetime
from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from config.db.locks import require_transaction


class MessageKind(models.TextChoices):
    CONFIRMATION = "confirmation", _("order confirmation")
    REFUND_DUE = "refund_due", _("refund of money that arrived too late")


FIRST_WAIT_SECONDS = 60
LONGEST_WAIT_SECONDS = 60 * 60


class OutboxQuerySet(models.QuerySet["OutboxMessage"]):
    def unsent(self) -> Self:
        return self.filter(sent_at=None)

    def late(self, before: datetime) -> Self:
        """Of the unsent, those from before `before` and those that have failed, with their orders; next due first."""
        late = models.Q(created_at__lt=before) | ~models.Q(last_error="")
        return self.unsent().filter(late).select_related("order").order_by("due_at")

    def failing(self) -> Self:
        return self.unsent().exclude(last_error="")

    def refunds_due(self) -> Self:
        """The unsent promises of a refund, oldest first, with their orders; annotates `owed`, which was captured."""
        due = self.unsent().filter(kind=MessageKind.REFUND_DUE).select_related("order")
        return due.annotate(owed=models.Sum("order__payment__attempts__captured")).order_by("created_at")

    def take(self, now: datetime, limit: int) -> "list[OutboxMessage]":
        """The oldest messages whose time has come and that no other relay holds, each for one more try.

        Their next turn is twice as far away each time, from FIRST_WAIT_SECONDS to LONGEST_WAIT_SECONDS. One statement,
        in the caller's transaction: a relay that dies meanwhile has taken nothing. Send them once it is committed.
        """
        require_transaction()
        taken = self.raw(
            """
            WITH due AS MATERIALIZED (
                SELECT id FROM checkout_outboxmessage WHERE sent_at IS NULL AND due_at <= %(now)s
                ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
            )
            UPDATE checkout_outboxmessage AS message
            SET tries = tries + 1,
                due_at = %(now)s + LEAST(%(first)s * 2 ^ LEAST(tries, 10), %(longest)s) * INTERVAL '1 second'
            FROM due WHERE message.id = due.id
            RETURNING message.*
            """,
            {"now": now, "limit": limit, "first": FIRST_WAIT_SECONDS, "longest": LONGEST_WAIT_SECONDS},
        )
        return sorted(taken, key=lambda message: message.pk)


class OutboxMessage(models.Model):
    """Something that must happen because an order changed, written in the order's own transaction.

    `due_at` is when a relay may take it next: taking it moves `due_at` on, so a relay that dies loses only its turn.
    """

    order = models.ForeignKey("checkout.Order", models.PROTECT, related_name="messages", verbose_name=_("order"))
    kind = models.CharField(_("kind"), max_length=20, choices=MessageKind)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    due_at = models.DateTimeField(_("due at"))
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    last_error = models.CharField(_("last error"), max_length=200, blank=True)

    objects = OutboxQuerySet.as_manager()

    class Meta:
        verbose_name = _("outgoing message")
        verbose_name_plural = _("outgoing messages")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["order", "kind"], name="outbox_once_per_order_and_kind")]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(sent_at=None), name="outbox_unsent"),
            models.Index(models.F("sent_at").desc(nulls_first=True), models.F("id").desc(), name="outbox_unsent_first"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.order_id}"
