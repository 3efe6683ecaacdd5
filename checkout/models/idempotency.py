"""Idempotency keys of checkout requests."""

import json
from datetime import datetime
from typing import Any, Self

from django.db import connection, models
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
        columns = "id, cart_id, key, fingerprint, response_status, response_body, started_at, order_number"
        known = ", ".join(f"known.{column}" for column in columns.split(", "))
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                WITH cart AS (
                    SELECT id FROM cart_cart WHERE token = %(cart)s AND (user_id IS NULL OR user_id = %(user)s)
                ), entered AS (
                    INSERT INTO checkout_idempotencykey (cart_id, key, fingerprint, started_at)
                    SELECT cart.id, %(key)s, %(fingerprint)s, %(now)s FROM cart
                    ON CONFLICT (cart_id, key) DO NOTHING
                    RETURNING {columns}
                )
                SELECT {columns}, TRUE FROM entered
                UNION ALL
                SELECT {known}, FALSE FROM checkout_idempotencykey AS known
                JOIN cart ON known.cart_id = cart.id WHERE known.key = %(key)s
                """,  # noqa: S608
                {"cart": cart_token, "user": user_id, "key": key, "fingerprint": fingerprint, "now": now},
            )
            found = cursor.fetchone()
        if found is None:
            Cart.objects.fetch(cart_token, user_id)
            raise CheckoutInProgress
        *values, is_new = found
        entry = IdempotencyKey.from_db(self.db, columns.split(", "), values)
        if entry.response_body is not None:
            entry.response_body = json.loads(entry.response_body)
        return entry, is_new

    def note_order(self, entry: "IdempotencyKey", order_number: str) -> bool:
        """Write the number of the order that is being placed under a key. False if its request no longer holds it."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE checkout_idempotencykey SET order_number = %s"
                " WHERE id = %s AND started_at = %s AND response_status IS NULL",
                [order_number, entry.pk, entry.started_at],
            )
            return bool(cursor.rowcount)

    def keep_answer(self, entry: "IdempotencyKey", status: int, body: dict[str, Any]) -> None:
        """Keep the first answer to a key. If a slow request and the repeat that took over both end, the first stays."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE checkout_idempotencykey SET response_status = %s, response_body = %s::jsonb"
                " WHERE id = %s AND response_status IS NULL",
                [status, json.dumps(body), entry.pk],
            )

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

    objects = IdempotencyKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        constraints = [models.UniqueConstraint(fields=["cart", "key"], name="idempotency_key_once_per_cart")]
        indexes = [models.Index(fields=["started_at"], name="idempotency_key_by_age")]

    def __str__(self) -> str:
        return self.key
