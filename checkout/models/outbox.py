"""The outbox: side effects that an order's transaction has promised."""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Self

from django.db import connection, models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from psycopg.types.numeric import Int8

from config.db import rows
from config.db.locks import require_transaction


class MessageKind(models.TextChoices):
    PAYMENT_WAITS = "payment_waits", _("Pix code")
    PAYMENT_EXPIRED = "payment_expired", _("time to pay is over")
    PAYMENT_FAILED = "payment_failed", _("payment failed")
    PAID_TOO_LATE = "paid_too_late", _("paid too late")
    CONFIRMATION = "confirmation", _("order confirmation")
    NEW_ORDER = "new_order", _("notice to staff of a new order")
    ORDER_CANCELLED = "order_cancelled", _("order cancelled")
    REFUND_BEGUN = "refund_begun", _("refund on its way")
    REFUND_PAID = "refund_paid", _("refund paid")
    REFUND_FAILED = "refund_failed", _("refund failed")
    PARCEL_POSTED = "parcel_posted", _("parcel sent")
    PARCEL_DELIVERED = "parcel_delivered", _("parcel delivered")
    PARCEL_UNDELIVERED = "parcel_undelivered", _("parcel not delivered")
    PARCEL_RETURNED = "parcel_returned", _("parcel sent back to the shop")
    RETURN_ASKED = "return_asked", _("return received")
    RETURN_ANSWERED = "return_answered", _("answer about a return")
    REFUND_DUE = "refund_due", _("refund of money that arrived too late")


# All but the one that moves money.
MAILS = [kind for kind in MessageKind if kind != MessageKind.REFUND_DUE]


INITIAL_BACKOFF_SECONDS = 60
MAX_BACKOFF_SECONDS = 60 * 60


class OutboxQuerySet(models.QuerySet["OutboxMessage"]):
    def mails(self) -> Self:
        """Without what moves money, and without kinds that this release does not know."""
        return self.filter(kind__in=MAILS)

    def unsent(self) -> Self:
        return self.filter(sent_at=None)

    def late(self, before: datetime) -> Self:
        """Unsent messages created before `before`, with their orders; next due first. Not those for which the time to
        try has not come yet."""
        has_been_due = models.Q(tries__gt=0) | models.Q(due_at__lt=before)
        return self.unsent().filter(has_been_due, created_at__lt=before).select_related("order").order_by("due_at")

    def count_sent(self, since: datetime, orders: models.QuerySet[Any]) -> Counter[str]:
        """How many of these mails were sent since then to the address of any of `orders`, by address. One statement."""
        sent = self.filter(sent_at__gt=since, dropped=False, order__email__in=orders.order_by().values("email"))
        return Counter(dict(sent.order_by().values_list("order__email").annotate(models.Count("pk"))))

    def enqueue(self, order: models.Model, kind: MessageKind, subject: object = "") -> None:
        """Promise a message, once for each subject, in the caller's transaction. One statement."""
        self.enqueue_all([OutboxMessage(order_id=order.pk, kind=kind, subject=str(subject), due_at=timezone.now())])

    def enqueue_all(self, messages: "Iterable[OutboxMessage]") -> None:
        """Promise those of these messages that are not promised yet, in the caller's transaction. One statement."""
        require_transaction()
        self.bulk_create(messages, ignore_conflicts=True)

    def take(self, kinds: Collection[MessageKind], now: datetime, limit: int) -> "list[OutboxMessage]":
        """Claim the oldest due messages of these kinds that no other relay has locked, and count a try for each.

        Pushes `due_at` on with exponential backoff, from INITIAL_BACKOFF_SECONDS to MAX_BACKOFF_SECONDS. One statement,
        in the caller's transaction; send the messages only after it has committed.
        """
        require_transaction()
        taken = rows.returned(
            self.model,
            """
            WITH due AS MATERIALIZED (
                SELECT id FROM checkout_outboxmessage
                WHERE sent_at IS NULL AND kind = ANY(%(kinds)s) AND due_at <= %(now)s
                ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
            )
            UPDATE checkout_outboxmessage AS message
            SET tries = tries + 1,
                due_at = %(now)s + LEAST(%(first)s * 2 ^ LEAST(tries, 10), %(longest)s) * INTERVAL '1 second'
            FROM due WHERE message.id = due.id
            RETURNING message.*
            """,
            {
                "kinds": [str(kind) for kind in kinds],
                "now": now,
                "limit": limit,
                "first": INITIAL_BACKOFF_SECONDS,
                "longest": MAX_BACKOFF_SECONDS,
            },
        )
        return sorted(taken, key=lambda message: message.pk)

    def mark_sent(self, message: "OutboxMessage", now: datetime, *, dropped: bool = False) -> None:
        """Mark a message as done now: sent, or dropped. One statement."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE checkout_outboxmessage SET sent_at = %s, dropped = %s, last_error = '' WHERE id = %s",
                [now, dropped, Int8(message.pk)],
            )

    def send_again(self, now: datetime) -> int:
        """Make these messages due anew, sent or not; returns how many they are. One statement."""
        return self.update(sent_at=None, dropped=False, due_at=now, tries=0, last_error="")

    def give_back(self, untried: "Collection[OutboxMessage]", now: datetime) -> None:
        """Make messages due again that were taken and not tried. One statement."""
        self.unsent().filter(pk__in=[message.pk for message in untried]).update(due_at=now, tries=models.F("tries") - 1)


class OutboxMessage(models.Model):
    """A side effect that must happen because an order changed, written in the order's own transaction.

    `due_at` is when a relay may take the message next. Taking it pushes `due_at` on, so a relay that dies loses only
    that try.
    """

    order = models.ForeignKey(
        "checkout.Order", models.PROTECT, related_name="messages", verbose_name=_("order"), db_index=False
    )
    kind = models.CharField(_("kind"), max_length=20, choices=MessageKind)
    # What of the order it is about: the id of a parcel or another row, or nothing.
    subject = models.CharField(_("subject"), max_length=36, blank=True, default="", db_default="", editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    due_at = models.DateTimeField(_("due at"))
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    # A mail that was not sent then, since it was no longer true or had nobody to read it.
    dropped = models.BooleanField(_("not sent"), default=False, db_default=False, editable=False)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    last_error = models.CharField(_("last error"), max_length=200, blank=True)

    objects = OutboxQuerySet.as_manager()

    class Meta:
        verbose_name = _("outgoing message")
        verbose_name_plural = _("outgoing messages")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint("order", "kind", "subject", name="outbox_once_per_order_kind_subject")]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(sent_at=None), name="outbox_unsent"),
            models.Index(models.F("sent_at").desc(nulls_first=True), models.F("id").desc(), name="outbox_unsent_first"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.order_id}"
