"""A repeated request gets the first answer; it never runs twice.

The key lives in Postgres and belongs to a cart. Only answers of requests that did something are kept: an order, or a
declined card. A refusal that left everything as it was frees its key, so that the same request may be sent again.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from cart.exceptions import CheckoutInProgress
from cart.models import Cart
from checkout.exceptions import IdempotencyKeyRequired, IdempotencyKeyReused
from checkout.models import IdempotencyKey
from config.exceptions import Refusal

KEY_LENGTH = 255
# A request that has not answered for so long may have died, and whoever repeats it looks for what came of it. It may
# also be slow: rows and the provider's own key still let only one of the two have an effect.
ABANDONED_AFTER = timedelta(seconds=5)
KEPT_FOR = timedelta(days=2)


@dataclass(frozen=True)
class Answer:
    """An HTTP status and a JSON body; `replayed` where another request had produced them before."""

    status: int
    body: dict[str, Any]
    replayed: bool = False


def nothing_came_of_it() -> None:
    """For callers who can tell otherwise what became of a request that died."""


def answer_once(
    *,
    cart_token: str,
    user_id: int | None,
    key: str,
    request: Mapping[str, str],
    run: Callable[[], Answer],
    recover: Callable[[], Answer | None] = nothing_came_of_it,
) -> Answer:
    """The answer of `run`, or the one that the first request with this key got.

    `request` is what makes a request the same request. Where the first one has not answered for a while, `recover` is
    asked for what came of it, and `run` is called only if that is nothing. Raises IdempotencyKeyRequired,
    IdempotencyKeyReused, CheckoutInProgress while the first one is at work, CartNotFound, and whatever `run` and
    `recover` raise.
    """
    if not key or len(key) > KEY_LENGTH or "\0" in key:
        raise IdempotencyKeyRequired
    cart = Cart.objects.fetch(cart_token, user_id)
    fingerprint = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
    entry, created = _enter(cart, key, fingerprint)
    if entry.response_status is not None:
        return Answer(entry.response_status, entry.response_body or {}, replayed=True)
    unanswered = IdempotencyKey.objects.filter(pk=entry.pk, response_status=None)
    try:
        answer = run() if created else recover() or run()
    except CheckoutInProgress:
        # Whoever repeats finds the first request at work after all: the key stays with that one.
        if created:
            unanswered.delete()
        raise
    except Refusal:
        # Refused because the first one, thought dead, has just ended? Then its order is the answer here too.
        late = None if created else recover()
        if late is None:
            unanswered.delete()
            raise
        answer = late
    # Of two that both thought themselves the first, the one that ends first is remembered.
    unanswered.update(response_status=answer.status, response_body=answer.body)
    return answer


@transaction.atomic
def _enter(cart: Cart, key: str, fingerprint: str) -> tuple[IdempotencyKey, bool]:
    """The key's row and whether it is new; this request is the one to run unless the row has an answer.

    One of several at once wins the insertion. Raises CheckoutInProgress for the others.
    """
    now = timezone.now()
    try:
        entry, created = IdempotencyKey.objects.select_for_update().get_or_create(
            cart=cart, key=key, defaults={"fingerprint": fingerprint, "started_at": now}
        )
    except IntegrityError:
        # The row was there when we wanted to write it and gone when we looked: its request was refused just now.
        raise CheckoutInProgress from None
    if created:
        return entry, True
    if entry.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    if entry.response_status is not None:
        return entry, False
    # Nobody has answered yet: the first request is at work, or it died.
    if entry.started_at > now - ABANDONED_AFTER:
        raise CheckoutInProgress
    entry.started_at = now
    entry.save(update_fields=["started_at"])
    return entry, False


def forget_old_keys() -> int:
    """Delete keys that no client repeats any more; returns how many."""
    return IdempotencyKey.objects.filter(started_at__lt=timezone.now() - KEPT_FOR).delete()[0]
