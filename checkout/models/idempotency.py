"""Idempotency keys of checkout requests."""

from datetime import datetime
from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from cart.exceptions import CheckoutInProgress
from cart.models import Cart


class IdempotencyKeyQuerySet(models.QuerySet["IdempotencyKey"]):
    def enter(
        self, cart_token: str, user_id: int | None, key: str, fingerprint: str, now: datetime
    ) -> tuple["IdempotencyKey", bool]:
        """Get or insert the row of a cart's key, in one statement. Returns the row and whether it is new.

        Raises CartNotFound, and CheckoutInProgress if a concurrent request inserted the row during this statement.
        """
        rows = self.raw(
            """
            WITH cart AS (
                SELECT id FROM cart_cart WHERE token = %(cart)s AND (user_id IS NULL OR user_id = %(user)s)
            ), entered AS (
                INSERT INTO checkout_idempotencykey (cart_id, key, fingerprint, started_at)
                SELECT cart.id, %(key)s, %(fingerprint)s, %(now)s FROM cart
                ON CONFLICT (cart_id, key) DO NOTHING
                RETURNING *
            )
            SELECT entered.*, TRUE AS is_new FROM entered
            UNION ALL
            SELECT known.*, FALSE FROM checkout_idempotencykey AS known
            JOIN cart ON known.cart_id = cart.id WHERE known.key = %(key)s
            """,
            {"cart": cart_token, "user": user_id, "key": key, "fingerprint": fingerprint, "now": now},
        )
        for entry in rows:
            return entry, entry.is_new
        Cart.objects.fetch(cart_token, user_id)
        raise CheckoutInProgress

    def held(self, entry: "IdempotencyKey") -> Self:
        """The row of `entry` while its request still holds it: neither answered nor taken over by a repeat."""
        return self.filter(pk=entry.pk, started_at=entry.started_at, response_status=None)


class IdempotencyKey(models.Model):
    """A checkout request by its key: its fingerprint and, once there is one, the first answer.

    `response_status` is NULL until the request has an answer. `started_at` is when it started, or when a repeat took
    the key over. `order_number` is written in the transaction of the order; while it is empty, nothing was sent to the
    provider.
    """

    cart = models.ForeignKey(Cart, models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    response_status = models.PositiveSmallIntegerField(null=True)
    response_body = models.JSONField(null=True)
    started_at = models.DateTimeField()
    order_number = models.CharField(max_length=10, blank=True, default="", db_default="")

    is_new: bool  # set by `enter`

    objects = IdempotencyKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        constraints = [models.UniqueConstraint(fields=["cart", "key"], name="idempotency_key_once_per_cart")]
        indexes = [models.Index(fields=["started_at"], name="idempotency_key_by_age")]

    def __str__(self) -> str:
        return self.key
