"""The shop's middleware: health probes, checks of charset and characters, and instrumentation of every request."""

import re
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from csp.constants import HEADER, HEADER_REPORT_ONLY
from csp.middleware import CheckableLazyObject, CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.contrib.messages.middleware import MessageMiddleware
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotFound
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from config import rate_limits
from config.api.problems import API_ROOT, SlashMissing
from config.api.throttling import Throttle
from config.pages import errors
from config.rate_limits import RateLimited
from config.telemetry import exposition, health, logs, tracing
from config.telemetry.metrics import request_duration, request_statements, responses, web_threads_busy
from config.telemetry.request_cost import RequestCost, measuring

if TYPE_CHECKING:
    from opentelemetry.trace import Span

Respond = Callable[[HttpRequest], HttpResponse]

# Load balancers and Prometheus request these by IP, over plain HTTP, many times a minute. They are answered before all
# other middleware: no host check, no redirect, no session, no metrics.
PROBES: dict[str, Respond] = {
    "/health/live": health.live,
    "/health/ready": health.ready,
    "/metrics": exposition.metrics,
}
# ASCII is UTF-8 too.
_UTF8 = {"utf-8", "utf8", "us-ascii"}
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
# Series are kept once asked for: to look one up costs as much as to count in it. Their labels are from fixed sets.
_answered, _cost_of, _duration_of = (
    cache(responses.labels),
    cache(request_statements.labels),
    cache(request_duration.labels),
)


class Probes:
    """Answers the probes. Must come first."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        probe = PROBES.get(request.path_info)
        if probe is None or request.method not in ("GET", "HEAD"):
            return self.get_response(request)
        try:
            return probe(request)
        except Http404:
            return HttpResponseNotFound()


class NoNulInCookies:
    """Ignores cookies with NUL, which a quoted cookie can hold (`\\000`) and PostgreSQL cannot compare with anything.

    Must come before SessionMiddleware. The browser could not remove such a cookie if its request were refused.
    """

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        for name in [name for name, value in request.COOKIES.items() if "\0" in value]:
            del request.COOKIES[name]
        return self.get_response(request)


class NoNulInAddress:
    """Refuses an address with NUL in its path or query: a lookup with it would fail in PostgreSQL.

    Forms and the API's fields refuse it themselves. Must come after LocaleMiddleware, for the language of its message.
    """

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        query = request.META.get("QUERY_STRING", "")
        if "\0" in request.path_info or "%00" in query or "\0" in query:
            raise BadRequest(_("Remove the NUL character from the address."))
        return self.get_response(request)


class OnlyUtf8:
    """Refuses a body, form or JSON, that claims any charset but UTF-8.

    Must come after LocaleMiddleware, whose language its message needs, and before everything that reads a body.
    """

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        claimed = (request.content_params or {}).get("charset", "utf-8")
        if claimed.lower() not in _UTF8 and request.method not in ("GET", "HEAD"):
            raise BadRequest(_("Send the body in UTF-8."))
        return self.get_response(request)


class SlashRedirects(CommonMiddleware):
    """Redirects an address that lacks its last slash, as Django does; under `/api/` for safe methods only.

    Clients follow a 301 with GET and without the body, so that other requests would end as something else.
    """

    def get_full_path_with_slash(self, request: HttpRequest) -> str:
        if request.path.startswith(API_ROOT) and request.method not in ("GET", "HEAD", "OPTIONS"):
            raise SlashMissing(request.get_full_path(force_append_slash=True))
        return super().get_full_path_with_slash(request)


class PageMessages(MessageMiddleware):
    """Django's, for pages only: the API leaves no messages, and its calls need not prepare to keep any."""

    def process_request(self, request: HttpRequest) -> None:
        if not request.path_info.startswith(API_ROOT):
            super().process_request(request)


class ContentSecurityPolicy(CSPMiddleware):
    """django-csp's, which words the policy anew for each answer. Here those with no nonce and no exception share it."""

    _EXCEPTIONS = {f"_csp_{kind}{which}" for kind in ("exempt", "config", "update", "replace") for which in ("", "_ro")}

    @cached_property
    def _shared(self) -> list[tuple[str, str]]:
        policies = [(HEADER, build_policy()), (HEADER_REPORT_ONLY, build_policy(report_only=True))]
        return [(header, policy) for header, policy in policies if policy]

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if settings.DEBUG or hasattr(request, "_csp_nonce") or not self._EXCEPTIONS.isdisjoint(vars(response)):
            return super().process_response(request, response)
        for header, policy in self._shared:
            response.headers.setdefault(header, policy)
        # As there: a nonce that is asked for now would not be in the header.
        request.csp_nonce = CheckableLazyObject(self._csp_nonce_post_response)  # type: ignore[attr-defined]
        return response


class RateLimits:
    """Counts every unsafe request before its view runs, so that no view can be without a limit.

    The view may name another scope than `writes`, or why it needs none (`config.rate_limits.limited`, `unlimited`).
    Calls of the API are counted by `Throttle` instead, once their token is known. A view that counts itself raises
    RateLimited, and gets the same page. Must come after AuthenticationMiddleware.
    """

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], *_positions: object, **_names: object
    ) -> HttpResponse | None:
        limit = rate_limits.limit_of(view)
        if not limit.counts(request.method) or Throttle in getattr(getattr(view, "cls", None), "throttle_classes", ()):
            return None
        try:
            rate_limits.enforce(limit.scope, rate_limits.requester(request))
        except RateLimited as refusal:
            return errors.too_many_requests(request, refusal)
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return errors.too_many_requests(request, error) if isinstance(error, RateLimited) else None


class CountResponses:
    """Counts by status what the views answer, refusals by other middleware excepted. Must come last."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        _answered(response.status_code).inc()
        return response


class Observe:
    """Gives the request an id, counts its statements and time, and shows staff where that went (`Server-Timing`)."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.META.get("HTTP_X_REQUEST_ID", "")  # `headers` would read them all
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        began = time.perf_counter()
        with (
            logs.about(request=request_id),
            web_threads_busy.track_inprogress(),
            measuring(timed=_may_be_timed(request)) as cost,
            tracing.span("server", request.method or "", request_id=request_id) as span,
        ):
            response = self.get_response(request)
            if span is not None:
                _name(span, request, response)
        seconds = time.perf_counter() - began
        response["X-Request-ID"] = request_id
        _count(request, response, cost, seconds)
        if cost.timed and (settings.SERVER_TIMING or _is_staff(request)):
            response["Server-Timing"] = cost.header(seconds * 1000)
        return response


def _count(request: HttpRequest, response: HttpResponse, cost: RequestCost, seconds: float) -> None:
    view = _view(request)
    if view:
        _cost_of(view).observe(cost.statements)
        # Anybody can invent a method, and each would be a series for good.
        method = request.method if request.method in _METHODS else "other"
        _duration_of(view, method, response.status_code).observe(seconds)


def _view(request: HttpRequest) -> str:
    """A name from a fixed set; empty if no URL matched."""
    match = request.resolver_match
    if match is None:
        return ""
    return "admin" if match.app_name == "admin" else match.view_name or match._func_path


def _name(span: "Span", request: HttpRequest, response: HttpResponse) -> None:
    """Name the span after its view, known only after the response. Never after its URL: some URLs grant access."""
    span.update_name(f"{request.method} {_view(request)}".strip())
    span.set_attribute("http.response.status_code", response.status_code)
    if response.status_code >= 500:
        tracing.fail(span, str(response.status_code))


def _may_be_timed(request: HttpRequest) -> bool:
    """The user is known only later, but without a session cookie or a token it cannot be staff."""
    signed_in = settings.SESSION_COOKIE_NAME in request.COOKIES or "HTTP_AUTHORIZATION" in request.META
    return settings.SERVER_TIMING or signed_in


def _is_staff(request: HttpRequest) -> bool:
    """Whether the user is staff, if the request has already loaded the user: this runs no query."""
    user = getattr(request, "_cached_user", None)
    return bool(user and user.is_active and user.is_staff)
