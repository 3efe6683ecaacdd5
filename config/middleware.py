"""What stands round every request: the probes of machines, and the measure of everything else."""

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotFound
from django.utils.translation import gettext_lazy as _

from config.telemetry import exposition, health, logs, tracing
from config.telemetry.metrics import request_statements, web_threads_busy
from config.telemetry.request_cost import Measure, measuring

if TYPE_CHECKING:
    from opentelemetry.trace import Span

Respond = Callable[[HttpRequest], HttpResponse]

# Asked by machines, by address instead of name, over plain HTTP, many times a minute: no other middleware sees these,
# so no host is checked, nothing redirected, no session looked at and nothing counted.
PROBES: dict[str, Respond] = {
    "/health/live": health.live,
    "/health/ready": health.ready,
    "/metrics": exposition.metrics,
}
# ASCII is UTF-8 too.
_UTF8 = {"utf-8", "utf8", "us-ascii"}
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


class Probes:
    """Answers the probes. Stands first."""

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


class OnlyUtf8:
    """Refuses a body that claims to be in another encoding than UTF-8, form and JSON alike.

    Stands behind the language, which its sentence needs, and before everything that reads a body.
    """

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        claimed = (request.content_params or {}).get("charset", "utf-8")
        if claimed.lower() not in _UTF8 and request.method not in ("GET", "HEAD"):
            raise BadRequest(_("Send the body in UTF-8."))
        return self.get_response(request)


class Observe:
    """Names the request, counts its statements, and tells staff where its time went (`Server-Timing`)."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        began = time.perf_counter()
        with (
            logs.about(request=request_id),
            web_threads_busy.track_inprogress(),
            measuring(timed=_may_be_timed(request)) as measure,
            tracing.span("server", request.method or "", request_id=request_id) as span,
        ):
            response = self.get_response(request)
            if span is not None:
                _name(span, request, response)
        response["X-Request-ID"] = request_id
        _count(request, measure)
        if measure.timed and (settings.SERVER_TIMING or _is_staff(request)):
            response["Server-Timing"] = measure.header((time.perf_counter() - began) * 1000)
        return response


def _count(request: HttpRequest, measure: Measure) -> None:
    view = _view(request)
    if view:
        request_statements.labels(view).observe(measure.statements)


def _view(request: HttpRequest) -> str:
    """A name from a fixed set; empty where no address matched."""
    match = request.resolver_match
    if match is None:
        return ""
    return "admin" if match.app_name == "admin" else match.view_name or match._func_path


def _name(span: "Span", request: HttpRequest, response: HttpResponse) -> None:
    """Once the request has been answered its view is known. Its address stays out: it may open somebody's order."""
    span.update_name(f"{request.method} {_view(request)}".strip())
    span.set_attribute("http.response.status_code", response.status_code)
    if response.status_code >= 500:
        tracing.fail(span, str(response.status_code))


def _may_be_timed(request: HttpRequest) -> bool:
    """Who is asking is known only later, and without a session cookie or a token it is nobody of staff."""
    signed_in = settings.SESSION_COOKIE_NAME in request.COOKIES or "Authorization" in request.headers
    return settings.SERVER_TIMING or signed_in


def _is_staff(request: HttpRequest) -> bool:
    """Whether staff asks, as far as the request has found out by itself: no statement runs to learn it."""
    user = getattr(request, "_cached_user", None)
    return bool(user and user.is_active and user.is_staff)
