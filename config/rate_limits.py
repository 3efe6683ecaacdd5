"""Rate limits: how often one person, or one network, may do something.

A limit has a name, its scope, and a rate in `settings.RATE_LIMITS`, such as "20/min", or None for no limit. Page and
API count the same scope for the same verb. `config.middleware.RateLimits` counts every unsafe request of a page,
`config.api.throttling.Throttle` every request of the API; what needs more care counts itself, with `enforce`.

Counted in Redis in fixed windows. If Redis is down, requests pass: SECURITY.md says which limits fail open and why.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar

from django.apps import AppConfig
from django.conf import settings
from django.core.cache import cache
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004  Django's name
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from config.exceptions import Refusal

logger = logging.getLogger(__name__)

View = TypeVar("View", bound=Callable[..., Any])

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_RATE = re.compile(r"(\d+)/(s|min|h|d)")
# Whoever has one IPv6 address has all of its network, 2^64 of them.
_IPV6_PREFIX = 64


class RateLimited(Refusal):
    """`retry_after` is in seconds."""

    code = "rate_limited"
    status = 429
    title = _("Too many requests")
    message = _("Too many requests in a short time. Wait a little and try again.")


@dataclass(frozen=True)
class RateLimit:
    """The limit of a view: its scope, and whether it counts safe requests too. `exempt` is why it counts nothing."""

    scope: str = "writes"
    safe_too: bool = False
    exempt: str = ""

    def counts(self, method: str | None) -> bool:
        return not self.exempt and (self.safe_too or method not in SAFE_METHODS)


def limited(scope: str, *, safe_too: bool = False) -> Callable[[View], View]:
    """Decorator: the view's unsafe requests count in `scope`, not in `writes`; with `safe_too`, its others as well."""
    return _declare(RateLimit(scope, safe_too))


def unlimited(reason: str) -> Callable[[View], View]:
    """Decorator: the view counts nowhere, for this reason."""
    return _declare(RateLimit(exempt=reason))


def _declare(limit: RateLimit) -> Callable[[View], View]:
    def declare(view: View) -> View:
        view.rate_limit = limit  # type: ignore[attr-defined]  # read by `limit_of`
        return view

    return declare


def limit_of(view: Callable[..., Any]) -> RateLimit:
    """The limit that a view declares, or else `writes`."""
    declared = getattr(view, "rate_limit", None)
    return declared if isinstance(declared, RateLimit) else RateLimit()


# --- Who is counted ---------------------------------------------------------------------------------------------------


def requester(request: HttpRequest) -> str:
    """The account if the user is signed in, else the network of their address."""
    if request.user.is_authenticated:
        return f"user-{request.user.pk}"
    return f"from-{network_of(request)}"


def network_of(request: HttpRequest, *, ipv4_prefix: int = 32, ipv6_prefix: int = _IPV6_PREFIX) -> str:
    """The client's network: by default its IPv4 address, or the /64 of its IPv6 address."""
    return _network(_client_address(request), ipv4_prefix, ipv6_prefix)


@lru_cache(maxsize=4096)
def _network(text: str, ipv4_prefix: int, ipv6_prefix: int) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text[:64]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.ip_network((int(address), ipv6_prefix), strict=False))
        address = address.ipv4_mapped
    return str(address) if ipv4_prefix == 32 else str(ipaddress.ip_network((address, ipv4_prefix), strict=False))


def _client_address(request: HttpRequest) -> str:
    """The address that the last of our own `NUM_PROXIES` proxies saw. Whatever stands before it may be invented."""
    forwarded = str(request.META.get("HTTP_X_FORWARDED_FOR", ""))
    if not settings.NUM_PROXIES or not forwarded:
        return str(request.META.get("REMOTE_ADDR", ""))
    addresses = forwarded.split(",")
    return _without_port(addresses[-min(settings.NUM_PROXIES, len(addresses))].strip())


def _without_port(text: str) -> str:
    """Some proxies add the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def account_subject(email: str) -> str:
    """The key for attempts at one account: keyed and hashed, so that no e-mail address can be read from Redis."""
    written = email.strip().casefold().encode("utf-8", "replace")
    return f"account-{salted_hmac('config.rate_limits', written, algorithm='sha256').hexdigest()[:32]}"


# --- Counting ---------------------------------------------------------------------------------------------------------


def parse_rate(rate: str) -> tuple[int, int]:
    """ "20/min" as (20, 60). Raises ValueError for anything but a number, a slash and s, min, h or d."""
    found = _RATE.fullmatch(rate)
    if not found:
        raise ValueError(f"{rate!r} is not a rate such as 20/min.")
    return int(found[1]), _SECONDS[found[2]]


@dataclass(frozen=True)
class Tally:
    """One thing counted in one window. `name` is empty if nothing was: there is no limit, or no Redis."""

    name: str = ""
    exceeded: bool = False
    seconds_left: int = 0


def enforce(scope: str, subject: str) -> None:
    """Count one request of `subject`. Raises RateLimited, with the seconds to wait, once there are too many."""
    (counted,) = tally((scope, subject))
    if counted.exceeded:
        raise RateLimited(retry_after=counted.seconds_left)


def is_allowed(scope: str, subject: str) -> bool:
    """Count one request of `subject`, and return whether it is within the limit."""
    try:
        enforce(scope, subject)
    except RateLimited:
        return False
    return True


def may_be_mailed(email: str) -> bool:
    """Count a mail that a stranger asks for: nobody's mailbox is filled, from however many networks."""
    return is_allowed("sign_up", account_subject(email))


def tally(*limits: tuple[str, str]) -> list[Tally]:
    """Count one for each scope and subject, in one round trip."""
    return [_judged(entry) for entry in _count([_entry(scope, subject) for scope, subject in limits], 1)]


def peek(scope: str, subject: str) -> Tally:
    """The tally of `subject` as it stands: `exceeded` if the next one would be one too many."""
    (entry,) = _count([_entry(scope, subject)], 0)
    return _judged(replace(entry, count=entry.count + 1))


def undo(tallies: Iterable[Tally]) -> None:
    """Take back what was counted."""
    names = [counted.name for counted in tallies if counted.name]
    if not names:
        return
    try:
        pipeline = get_redis_connection("default").pipeline(transaction=False)
        for name in names:
            pipeline.decr(name)
            pipeline.expire(name, _SECONDS["d"])  # its window may have ended: no key without an end
        pipeline.execute()
    except RedisError as error:
        logger.warning("Redis is unavailable, a rate limit counts one too many: %s", type(error).__name__)


@dataclass(frozen=True)
class _Entry:
    key: str = ""
    limit: int = 0
    seconds: int = 0
    seconds_left: int = 0
    count: int = 0


def _entry(scope: str, subject: str) -> _Entry:
    rate = settings.RATE_LIMITS.get(scope)
    if not rate:
        return _Entry()
    limit, seconds = parse_rate(rate)
    window, seconds_left = _window(seconds)
    return _Entry(cache.make_key(f"rate:{scope}:{subject}:{window}"), limit, seconds, seconds_left)


def _judged(entry: _Entry) -> Tally:
    exceeded = bool(entry.key) and entry.count > entry.limit
    return Tally(entry.key if entry.count else "", exceeded, entry.seconds_left)


def _window(seconds: int) -> tuple[int, int]:
    """The number of the current window, and the seconds until the next."""
    now = time.time()
    window = int(now // seconds)
    return window, math.ceil((window + 1) * seconds - now)


def _count(entries: list[_Entry], by: int) -> list[_Entry]:
    """The entries with their counts, raised `by` that many; 0 where there is no limit, and if Redis is down."""
    wanted = [entry for entry in entries if entry.key]
    if not wanted:
        return entries
    try:
        pipeline = get_redis_connection("default").pipeline(transaction=False)
        for entry in wanted:
            pipeline.incrby(entry.key, by)
            pipeline.expire(entry.key, entry.seconds)
        counts = dict(zip((entry.key for entry in wanted), pipeline.execute()[::2], strict=True))
    except RedisError as error:
        logger.warning("Redis is unavailable, rate limits are not enforced: %s", type(error).__name__)
        return entries
    return [replace(entry, count=int(counts.get(entry.key, 0))) for entry in entries]


# --- System checks ----------------------------------------------------------------------------------------------------


def check_rate_limits(*, app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """config.E001: a rate that cannot be read would be a 500 at the first request that it counts."""
    return [
        Error(f"RATE_LIMIT_{scope.upper()} is not a rate such as 20/min.", id="config.E001")
        for scope, rate in settings.RATE_LIMITS.items()
        if rate and not _is_rate(rate)
    ]


def _is_rate(rate: str) -> bool:
    try:
        return parse_rate(rate)[0] > 0
    except ValueError:
        return False


def check_proxies(*, app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """config.W001: behind a proxy that is not counted, all shoppers share one address and its limits. Deployment
    check."""
    if settings.SECURE_PROXY_SSL_HEADER is None or settings.NUM_PROXIES:
        return []
    return [
        Warning(
            "HTTPS ends at a proxy, but NUM_PROXIES is 0: every shopper would count as that proxy's address.",
            hint="Set NUM_PROXIES to the number of proxies in front that add to X-Forwarded-For.",
            id="config.W001",
        )
    ]
