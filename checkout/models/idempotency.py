"""The keys that make a repeated request harmless."""

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
        """The row of a key of the cart behind a token, and whether it was written just now, in one statement.

        Raises CartNotFound, and CheckoutInProgress where somebody else has written it at this very moment.
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
        """The row of a request's key while it is that request's: neither answered nor taken over by a repeat."""
        return self.filter(pk=entry.pk, started_at=entry.started_at, response_status=None)


class IdempotencyKey(models.Model):
    """A request that was seen before: its fingerprint and, once it is known, the first answer.

    `response_status` is NULL while the request is still at work. `started_at` is when it began, or when a repeat took
    its place. `order_number` is what came of it, written with the order: empty where no money was asked for yet.
    """

    cart = models.ForeignKey(Cart, models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    response_status = models.PositiveSmallIntegerField(null=True)
    response_body = models.JSONField(null=True)
    started_at = models.DateTimeField()
    order_number = models.CharField(max_length=10, blank=True, default="", db_default="")

    is_new: bool  # as `enter` has found it

    objects = IdempotencyKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        constraints = [models.UniqueConstraint(fields=["cart", "key"], name="idempotency_key_once_per_cart")]
        indexes = [models.Index(fields=["started_at"], name="idempotency_key_by_age")]

    def __str__(self) -> str:
        return self.key
