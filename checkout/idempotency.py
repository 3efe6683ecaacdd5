"""A repeated request gets the first answer; it never runs twice.

The key lives in Postgres and belongs to a cart. Only answers of requests that did something are kept: an order, or a
declined card. A refusal that left everything as it was frees its key, so that the same request may be sent again.

A request that does not answer may have died, or be slow. After a while a repeat takes its key over: from then on the
slow one can no longer place an order, and if it has placed one before, the key knows which.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from cart.exceptions import CheckoutInProgress
from checkout.exceptions import IdempotencyKeyRequired, IdempotencyKeyReused, RequestOvertaken
from checkout.models import IdempotencyKey
from config.exceptions import Refusal

KEY_LENGTH = 255
# A request that has not answered for so long may have died, and whoever repeats it looks for what came of it.
ABANDONED_AFTER = timedelta(seconds=5)
KEPT_FOR = timedelta(days=2)


@dataclass(frozen=True)
class Answer:
    """An HTTP status and a JSON body; `replayed` where another request had produced them before."""

    status: int
    body: dict[str, Any]
    replayed: bool = False


def answer_once(
    *,
    cart_token: str,
    user_id: int | None,
    key: str,
    request: Mapping[str, str],
    run: Callable[[IdempotencyKey], Answer],
    recover: Callable[[str], Answer | None],
) -> Answer:
    """The answer of `run`, or the one that the first request with this key got.

    `request` is what makes a request the same request. `run` places an order under the key that it is given. Where the
    first request has not answered for a while and had placed one, `recover` is asked what came of the order of that
    number, and `run` is called only if that is nothing. Raises IdempotencyKeyRequired, IdempotencyKeyReused,
    CheckoutInProgress while the first one is at work, CartNotFound, and whatever `run` and `recover` raise.
    """
    if not key or len(key) > KEY_LENGTH or "\0" in key:
        raise IdempotencyKeyRequired
    fingerprint = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
    entry, created = _enter(cart_token, user_id, key, fingerprint)
    if entry.response_status is not None:
        return Answer(entry.response_status, entry.response_body or {}, replayed=True)
    answer = recover(entry.order_number) if entry.order_number else None
    if answer is None:
        answer = _run(run, entry, created)
    # Of two that both thought themselves the first, the one that ends first is remembered.
    unanswered = IdempotencyKey.objects.filter(pk=entry.pk, response_status=None)
    unanswered.update(response_status=answer.status, response_body=answer.body)
    return answer


def _run(run: Callable[[IdempotencyKey], Answer], entry: IdempotencyKey, created: bool) -> Answer:
    """The answer of `run`; its refusal frees the key, unless a repeat holds it by now."""
    try:
        return run(entry)
    except RequestOvertaken as overtaken:
        # The key is the repeat's by now.
        raise CheckoutInProgress from overtaken
    except CheckoutInProgress:
        # Whoever repeats finds the first request at work after all: the key stays with that one.
        if created:
            IdempotencyKey.objects.held(entry).delete()
        raise
    except Refusal:
        IdempotencyKey.objects.held(entry).delete()
        raise


def _enter(cart_token: str, user_id: int | None, key: str, fingerprint: str) -> tuple[IdempotencyKey, bool]:
    """The key's row and whether it is new; this request is the one to run unless the row has an answer.

    One of several at once is let in. Raises CheckoutInProgress for the others.
    """
    now = timezone.now()
    entry, created = IdempotencyKey.objects.enter(cart_token, user_id, key, fingerprint, now)
    if entry.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    if not created and entry.response_status is None:
        # Nobody has answered yet: the first request is at work, or it died and one of those who repeat it takes over.
        # Taken over is what was read: not a key under which an order has been placed meanwhile.
        is_at_work = entry.started_at > now - ABANDONED_AFTER
        as_read = IdempotencyKey.objects.held(entry).filter(order_number=entry.order_number)
        if is_at_work or not as_read.update(started_at=now):
            raise CheckoutInProgress
        entry.started_at = now
    return entry, created


def forget_old_keys(limit: int = 1000) -> int:
    """Delete at most `limit` keys that no client repeats any more, the oldest first; returns how many."""
    old = IdempotencyKey.objects.filter(started_at__lt=timezone.now() - KEPT_FOR).order_by("started_at")
    return IdempotencyKey.objects.filter(pk__in=old.values("pk")[:limit]).delete()[0]
