"""Payments, and the attempts to charge them."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.db.compiled import compiled
from config.db.locks import require_transaction
from config.db.statuses import BAD, BUSY, GOOD, QUIET, StatusChoices
from config.money import ZERO, total


class PaymentMethod(models.TextChoices):
    CARD = "card", _("card")
    PIX = "pix", "Pix"


class PaymentStatus(StatusChoices):
    PENDING = "pending", BUSY, _("pending")
    PAID = "paid", GOOD, _("paid")
    FAILED = "failed", BAD, _("failed")
    CANCELLED = "cancelled", QUIET, _("cancelled")
    PARTIALLY_REFUNDED = "partially_refunded", QUIET, _("partially refunded")
    DISPUTED = "disputed", BAD, _("disputed")
    REFUNDED = "refunded", QUIET, _("refunded")


def _total(field: str, **filters: Any) -> Coalesce:
    """An annotation: the sum of a field over the payment's related rows."""
    payment = Payment.objects.filter(pk=models.OuterRef("pk")).order_by()
    total = payment.annotate(total=models.Sum(field, filter=Q(**filters))).values("total")
    return Coalesce(models.Subquery(total), models.Value(ZERO), output_field=models.DecimalField())


class PaymentQuerySet(models.QuerySet["Payment"]):
    def with_totals(self) -> PaymentQuerySet:
        """Annotates `captured_total` and `refunded_total`."""
        return self.annotate(
            captured_total=_total("attempts__captured"),
            refunded_total=_total("refunds__amount", refunds__status="succeeded"),
        )

    def with_books(self) -> PaymentQuerySet:
        """With what `captured`, `refundable` and `kept` read: three statements more."""
        return self.prefetch_related("attempts", "refunds", "disputes")

    def locked(self) -> PaymentQuerySet:
        """Lock the rows in order of primary key. Evaluate at once. Raises LockOutsideTransaction."""
        require_transaction()
        return self.order_by("pk").select_for_update(of=("self",))


class Payment(models.Model):
    """The amount owed for one order, and its status. `reference` is opaque: its meaning is the caller's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reference = models.CharField(_("reference"), max_length=64, unique=True)
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3)
    status = models.CharField(_("status"), max_length=20, choices=PaymentStatus.choices, default=PaymentStatus.PENDING)
    provider = models.CharField(_("provider"), max_length=20)
    method = models.CharField(_("method"), max_length=10, choices=PaymentMethod.choices)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = PaymentQuerySet.as_manager()

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        ordering = ["-created_at"]
        permissions = [("export_payment", "Can export payments")]
        indexes = [models.Index(fields=["status", "created_at"], name="payment_status_created")]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="payment_amount_positive"),
            models.CheckConstraint(condition=Q(method__in=PaymentMethod.values), name="payment_method_known"),
            models.CheckConstraint(
                condition=Q(status__in=PaymentStatus.values),
                name="payment_status_known",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def captured(self) -> Decimal:
        """The total captured, before refunds. Reads the attempts: one statement unless prefetched."""
        return total(attempt.captured for attempt in self.attempts.all())

    @property
    def refundable(self) -> Decimal:
        """What can still be refunded: captured, less refunds that did not fail and what disputes put at stake. Reads
        attempts, refunds and disputes: one statement each unless prefetched."""
        refunded = total(refund.amount for refund in self.refunds.all() if refund.holds_money)
        disputed = total(dispute.at_stake for dispute in self.disputes.all())
        return max(self.captured - refunded - disputed, ZERO)

    @property
    def kept(self) -> Decimal:
        """What we hold now: captured, less paid refunds and what disputes have withdrawn. Reads as `refundable`."""
        refunded = total(refund.amount for refund in self.refunds.all() if refund.is_paid)
        return self.captured - refunded - total(dispute.withdrawn for dispute in self.disputes.all())


# When an attempt is first asked about after its start: later than the deadline of a provider call, so that a call in
# flight settles itself first.
FIRST_ASK = timedelta(seconds=60)
# How often an attempt without an answer is asked about: at first, and when the provider has not known for hours.
ASK_EVERY, ASK_AT_LEAST_EVERY = timedelta(seconds=30), timedelta(minutes=5)
# How long a sweep may take to ask about the attempts that it has claimed.
LEASE = timedelta(seconds=60)


class AttemptStatus(StatusChoices):
    STARTED = "started", BUSY, _("started")
    ACTION = "action", BUSY, _("waiting for the shopper")
    APPROVED = "approved", GOOD, _("approved")
    DECLINED = "declined", BAD, _("declined")
    CANCELLED = "cancelled", QUIET, _("cancelled")
    UNKNOWN = "unknown", BAD, _("unknown")


TRACES = Q(settled_at__isnull=False) & (Q(action__isnull=False) | ~Q(error=""))


class PaymentAttemptQuerySet(models.QuerySet["PaymentAttempt"]):
    def with_payment(self) -> PaymentAttemptQuerySet:
        """Joins the payment."""
        return self.select_related("payment")

    def known_references(self, references: list[str]) -> set[str]:
        """Those of the provider's references that an attempt has. One statement."""
        return set(self.filter(provider_reference__in=references).values_list("provider_reference", flat=True))

    def approved(self, references: list[str]) -> dict[str, UUID]:
        """The approved attempts with these references of the provider's, by reference. One statement."""
        return dict(approved_attempts(references))

    def unsettled(self) -> PaymentAttemptQuerySet:
        """Attempts without a final outcome: started, waiting for the shopper, or unknown."""
        return self.filter(status__in=PaymentAttempt.UNSETTLED)

    def unanswered(self) -> PaymentAttemptQuerySet:
        """Attempts that may or may not have captured money: started, or unknown."""
        return self.filter(status__in=[AttemptStatus.STARTED, AttemptStatus.UNKNOWN])

    def waiting(self) -> PaymentAttemptQuerySet:
        """Attempts that wait for the shopper: an unpaid Pix code, or 3-D Secure."""
        return self.filter(status=AttemptStatus.ACTION)

    def with_traces(self) -> PaymentAttemptQuerySet:
        """Settled attempts that still hold a Pix code, a link to a bank or an error text."""
        return self.filter(TRACES)

    def stuck(self, before: datetime) -> PaymentAttemptQuerySet:
        """Unanswered attempts started before `before`, oldest first."""
        return self.unsettled().unanswered().filter(created_at__lt=before).with_payment().order_by("created_at")

    def claim(self, now: datetime, limit: int) -> list[PaymentAttempt]:
        """Claim up to `limit` attempts that are due, the longest due first, with what asking needs. Two statements.

        A claim lasts LEASE: until then no other sweep gets these rows, and afterwards those that were not asked about
        are due again. Skips rows locked by another sweep. Runs in the caller's transaction; commit before calling the
        provider.
        """
        require_transaction()
        due = self.filter(due_at__lte=now).select_related("payment", "search").order_by("due_at", "pk")
        claimed = list(due.select_for_update(of=("self",), skip_locked=True)[:limit])
        PaymentAttempt.objects.filter(pk__in=[attempt.pk for attempt in claimed]).update(
            asked_at=now, due_at=now + LEASE
        )
        return claimed

    def fetch_locked_with_payment(self, attempt_id: UUID) -> PaymentAttempt:
        """The attempt and its payment, both locked, the payment's row first. One statement."""
        require_transaction()
        attempt = locked_attempts_with_payment.first(attempt_id)
        if attempt is None:
            raise PaymentAttempt.DoesNotExist
        return attempt

    def create_with_payment(self, attempt: PaymentAttempt) -> None:
        """Insert an attempt and its payment in one statement. Raises IntegrityError if `reference` exists."""
        payment = attempt.payment
        with connection.cursor() as cursor:
            cursor.execute(
                """
                WITH payment AS (
                    INSERT INTO payments_payment
                        (id, reference, amount, currency, status, provider, method, created_at, updated_at)
                    VALUES (%(payment)s, %(reference)s, %(amount)s, %(currency)s, %(payment_status)s, %(provider)s,
                            %(method)s, %(now)s, %(now)s)
                    RETURNING id
                )
                INSERT INTO payments_paymentattempt
                    (id, payment_id, method_token, status, created_at, expires_at, due_at,
                     provider_reference, captured, decline_code, error)
                SELECT %(attempt)s, payment.id, %(method_token)s, %(status)s, %(now)s, %(expires_at)s, %(due_at)s,
                    '', 0, '', ''
                FROM payment
                """,
                {
                    "payment": payment.pk,
                    "reference": payment.reference,
                    "amount": payment.amount,
                    "currency": payment.currency,
                    "payment_status": payment.status,
                    "provider": payment.provider,
                    "method": payment.method,
                    "now": payment.created_at,
                    "attempt": attempt.pk,
                    "method_token": attempt.method_token,
                    "status": attempt.status,
                    "expires_at": attempt.expires_at,
                    "due_at": attempt.next_ask(attempt.created_at),
                },
            )
        for row in (payment, attempt):
            row._state.adding = False
            row._state.db = connection.alias

    def write_with_payment(self, attempt: PaymentAttempt) -> None:
        """Update a locked attempt and its payment's status in one statement."""
        now = timezone.now()
        with connection.cursor() as cursor:
            cursor.execute(
                """
                WITH attempt AS (
                    UPDATE payments_paymentattempt
                    SET status = %(status)s, provider_reference = %(provider_reference)s, captured = %(captured)s,
                        action = %(action)s::jsonb, decline_code = %(decline_code)s, error = %(error)s,
                        settled_at = %(settled_at)s, due_at = %(due_at)s
                    WHERE id = %(attempt)s
                )
                UPDATE payments_payment SET status = %(payment_status)s, updated_at = %(now)s WHERE id = %(payment)s
                """,
                {
                    "attempt": attempt.pk,
                    "due_at": attempt.next_ask(now),
                    "status": attempt.status,
                    "provider_reference": attempt.provider_reference,
                    "captured": attempt.captured,
                    "action": json.dumps(attempt.action) if attempt.action else None,
                    "decline_code": attempt.decline_code,
                    "error": attempt.error,
                    "settled_at": attempt.settled_at,
                    "payment": attempt.payment_id,
                    "payment_status": attempt.payment.status,
                    "now": now,
                },
            )


class PaymentAttempt(models.Model):
    """One attempt to charge a payment. Its primary key is the idempotency key at the provider."""

    UNSETTLED = (AttemptStatus.STARTED, AttemptStatus.ACTION, AttemptStatus.UNKNOWN)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="attempts", verbose_name=_("payment"))
    method_token = models.CharField(
        _("payment method"), max_length=255, help_text=_("The provider's token; never card data.")
    )
    status = models.CharField(_("status"), max_length=10, choices=AttemptStatus.choices, default=AttemptStatus.STARTED)
    provider_reference = models.CharField(_("provider reference"), max_length=255, blank=True, default="")
    captured = models.DecimalField(_("captured"), max_digits=12, decimal_places=2, default=ZERO)
    action = models.JSONField(_("action"), null=True, blank=True)
    decline_code = models.CharField(_("decline code"), max_length=64, blank=True, default="")
    error = models.CharField(_("error"), max_length=500, blank=True, default="")
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    asked_at = models.DateTimeField(_("last asked about"), null=True, blank=True)
    due_at = models.DateTimeField(_("next asked about"), db_default=Now() + FIRST_ASK, editable=False)

    # What it was before `record_outcome`, for who decides by the change.
    before: AttemptStatus | None = None

    objects = PaymentAttemptQuerySet.as_manager()

    class Meta:
        verbose_name = _("payment attempt")
        verbose_name_plural = _("payment attempts")
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["settled_at"], name="attempt_traces", condition=TRACES),
            models.Index(
                fields=["created_at"],
                name="attempt_unsettled_created",
                condition=Q(status__in=["started", "action", "unknown"]),
            ),
            # One range each for the sweeper's two queues.
            models.Index(
                fields=["due_at"], name="attempt_unanswered_due", condition=Q(status__in=["started", "unknown"])
            ),
            models.Index(fields=["due_at"], name="attempt_waiting_due", condition=Q(status="action")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["payment"],
                condition=Q(status__in=["started", "action", "unknown"]),
                name="attempt_one_unsettled_a_payment",
            ),
            models.UniqueConstraint(
                fields=["provider_reference"],
                condition=~Q(provider_reference=""),
                name="attempt_provider_reference_unique",
            ),
            models.CheckConstraint(
                condition=Q(status__in=AttemptStatus.values),
                name="attempt_status_known",
            ),
            models.CheckConstraint(condition=Q(captured__gte=0), name="attempt_captured_not_negative"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def is_settled(self) -> bool:
        """Whether the outcome is final: approved, declined or cancelled."""
        return self.status not in self.UNSETTLED

    def is_expired(self, now: datetime) -> bool:
        """Whether the shopper's time to act is over."""
        return self.expires_at is not None and self.expires_at <= now

    def next_ask(self, now: datetime) -> datetime:
        """When to ask about it again if it is still unsettled then.

        What waits for the shopper is asked about after 1, 5 and 25 minutes, since its webhook normally comes first, and
        when it expires. What has no answer is asked about twice a minute, less often after the first half hour.
        """
        age, first = now - self.created_at, self.created_at + FIRST_ASK
        if self.status == AttemptStatus.ACTION and not self.is_expired(now):
            due = max(first, self.created_at + 5 * age)
            return min(due, self.expires_at) if self.expires_at else due
        return max(first, now + min(max(age / 60, ASK_EVERY), ASK_AT_LEAST_EVERY))


@compiled
def locked_attempts_with_payment(attempt_id: UUID) -> PaymentAttemptQuerySet:
    return PaymentAttempt.objects.with_payment().select_for_update(of=("payment", "self")).filter(pk=attempt_id)


@compiled
def approved_attempts(references: list[str]) -> models.QuerySet[PaymentAttempt, tuple[str, UUID]]:
    approved = PaymentAttempt.objects.filter(provider_reference__any=references, status=AttemptStatus.APPROVED)
    return approved.exclude(provider_reference="").values_list("provider_reference", "pk")
