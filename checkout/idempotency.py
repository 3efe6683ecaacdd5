"""Idempotency keys: a repeated request gets the first answer and never runs twice.

A key lives in Postgres and belongs to a cart. Only answers of requests that changed something are stored: an order, or
a declined card. A refusal that changed nothing frees its key, so that the same request may be sent again.

A request without an answer may be dead or merely slow. After ABANDONED_AFTER a repeat takes its key over: from then on
the slow one can no longer place an order, and if it has already placed one, the key holds its number.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from cart.exceptions import CheckoutInProgress
from checkout.exceptions import IdempotencyKeyInvalid, IdempotencyKeyRequired, IdempotencyKeyReused, RequestOvertaken
from checkout.models import IdempotencyKey
from config.exceptions import Refusal

KEY_LENGTH = 255
# A request without an answer for this long may be dead, and a repeat may take over its key.
ABANDONED_AFTER = timedelta(seconds=5)


@dataclass(frozen=True)
class Answer:
    """An HTTP status and a JSON body; `replayed` if an earlier request produced them."""

    status: int
    body: dict[str, Any]
    replayed: bool = False


def check_key(key: str) -> None:
    """Raises IdempotencyKeyInvalid for a key that cannot be stored."""
    if len(key) > KEY_LENGTH or "\0" in key:
        raise IdempotencyKeyInvalid


def answer_once(
    *,
    cart_token: str,
    user_id: int | None,
    key: str,
    request: Mapping[str, str],
    run: Callable[[IdempotencyKey], Answer],
    recover: Callable[[str], Answer | None],
) -> Answer:
    """Return the answer of `run`, or the one that the first request with this key got.

    `request` holds the parameters that a repeat must share with the first request. `run` places an order under the key
    that it is given. If the first request was abandoned after it placed an order, `recover` gets that order's number,
    and `run` is called only if `recover` returns None.

    Raises IdempotencyKeyRequired, IdempotencyKeyInvalid, IdempotencyKeyReused, CheckoutInProgress while the first
    request is running, CartNotFound, and whatever `run` and `recover` raise. Must not be called inside a transaction.
    """
    if not key:
        raise IdempotencyKeyRequired
    check_key(key)
    fingerprint = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
    entry, created = _acquire(cart_token, user_id, key, fingerprint)
    if entry.response_status is not None:
        return Answer(entry.response_status, entry.response_body or {}, replayed=True)
    answer = recover(entry.order_number) if entry.order_number else None
    if answer is None:
        answer = _run(run, entry, created)
    IdempotencyKey.objects.keep_answer(entry, answer.status, answer.body)
    return answer


def _run(run: Callable[[IdempotencyKey], Answer], entry: IdempotencyKey, created: bool) -> Answer:
    """Return the answer of `run`. A refusal frees the key, unless a repeat has taken it over."""
    try:
        return run(entry)
    except RequestOvertaken as overtaken:  # the key now belongs to the repeat
        raise CheckoutInProgress from overtaken
    except CheckoutInProgress:
        # For a repeat this means that the first request is still running: the key stays.
        if created:
            IdempotencyKey.objects.held(entry).delete()
        raise
    except Refusal:
        IdempotencyKey.objects.held(entry).delete()
        raise


def _acquire(cart_token: str, user_id: int | None, key: str, fingerprint: str) -> tuple[IdempotencyKey, bool]:
    """Return the key's row and whether it is new. Unless the row has an answer, this request now holds the key.

    Of several concurrent requests exactly one gets the key. Raises IdempotencyKeyReused if the fingerprint differs, and
    CheckoutInProgress for the requests that lose.
    """
    now = timezone.now()
    entry, created = IdempotencyKey.objects.enter(cart_token, user_id, key, fingerprint, now)
    if entry.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    if not created and entry.response_status is None:
        # No answer yet: the first request is running, or it was abandoned and one repeat takes its key over. The update
        # is conditional on the row as read, so it never takes a key under which an order was placed in the meantime.
        is_running = entry.started_at > now - ABANDONED_AFTER
        unchanged = IdempotencyKey.objects.held(entry).filter(order_number=entry.order_number)
        if is_running or not unchanged.update(started_at=now):
            raise CheckoutInProgress
        entry.started_at = now
    return entry, created
