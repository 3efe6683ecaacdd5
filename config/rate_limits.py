"""Rate limits per user or IP address.

The scope is the view's `throttle_scope`, else `reads` or `writes` by method. Its rate is `settings.RATE_LIMITS[scope]`,
such as "20/min", or None for no limit. Counted in Redis in fixed windows. If Redis is down, requests pass: SECURITY.md
says which limits fail open and why.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import math
import re
import time
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django_redis import get_redis_connection
from redis.exceptions import RedisError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.throttling import BaseThrottle

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)

_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_RATE = re.compile(r"(\d+)/(s|min|h|d)")


def parse_rate(rate: str) -> tuple[int, int]:
    """ "20/min" as (20, 60). Raises ValueError for anything but a number, a slash and s, min, h or d."""
    found = _RATE.fullmatch(rate)
    if not found:
        raise ValueError(f"{rate!r} is not a rate such as 20/min.")
    return int(found[1]), _SECONDS[found[2]]


class RateLimit(BaseThrottle):
    """Counts by account if the user is signed in, else by IP address."""

    seconds_left: int | None = None

    def allow_request(self, request: Request, view: APIView) -> bool:
        scope = getattr(view, "throttle_scope", "") or ("reads" if request.method in SAFE_METHODS else "writes")
        return self.allow(request, scope)

    def allow(self, request: HttpRequest | Request, scope: str, subject: str = "") -> bool:
        """Count a request and return whether it is allowed. A `subject`, such as the account that a sign-in names,
        replaces the user or IP address."""
        rate = settings.RATE_LIMITS.get(scope)
        if not rate:
            return True
        limit, seconds = parse_rate(rate)
        now = time.time()
        window = int(now // seconds)
        self.seconds_left = math.ceil((window + 1) * seconds - now)
        return _count(f"rate:{scope}:{subject or self._requester(request)}:{window}", seconds) <= limit

    def wait(self) -> float | None:
        return self.seconds_left

    def _requester(self, request: HttpRequest | Request) -> str:
        if request.user.is_authenticated:
            return f"user-{request.user.pk}"
        return f"from-{self.get_ident(request)}"  # type: ignore[arg-type]  # it reads only META


def account_subject(email: str) -> str:
    """The key for attempts at one account: a hash, so that the e-mail address stays out of Redis."""
    return f"account-{hashlib.sha256(email.strip().casefold().encode()).hexdigest()[:32]}"


def limit_sign_ins(name_field: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Decorator for a sign-in view that is not ours: too many attempts from one IP or at one account get a 429."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def limited(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
            limit = RateLimit()
            if request.method != "POST" or (
                limit.allow(request, "sign_in")
                and limit.allow(request, "sign_in_account", account_subject(request.POST.get(name_field, "")))
            ):
                return view(request, *args, **kwargs)
            text = _("Too many tries from your connection. Wait a minute, then try again.")
            headers = {"Retry-After": str(limit.seconds_left)}
            return HttpResponse(text, status=429, content_type="text/plain; charset=utf-8", headers=headers)

        return limited

    return decorate


def _count(key: str, seconds: int) -> int:
    """The count of `key` in its window, including this request; 0 if Redis is down. One round trip."""
    name = cache.make_key(key)
    try:
        pipeline = get_redis_connection("default").pipeline(transaction=False)
        pipeline.incr(name)
        pipeline.expire(name, seconds)
        return int(pipeline.execute()[0])
    except RedisError as error:
        logger.warning("Redis is unavailable, rate limits are not enforced: %s", type(error).__name__)
        return 0


def network_of(request: HttpRequest | Request) -> str:
    """The client's network: its IPv4 address, or the /64 of its IPv6 address."""
    text = BaseThrottle().get_ident(request) or ""  # type: ignore[arg-type]  # it reads only META
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text[:64]
    if address.version == 4:
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((int(address), 64), strict=False))
