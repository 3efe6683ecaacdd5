"""Pages for requests that were refused before their view ran. They name the cause and keep what was typed.

A press that certainly did nothing can be sent again with one button, without scripts. press.js reads headers instead:
`Retry-After`, `X-Refused` with what was wrong, and `X-CSRFToken` with a token that is valid now.
"""

from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import REASON_CSRF_TOKEN_MISSING, REASON_NO_CSRF_COOKIE, get_token
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django.utils.http import url_has_allowed_host_and_scheme

from config.api.problems import API_ROOT, refuse
from config.rate_limits import RateLimited

# Larger forms (the admin's) are kept by the browser's "back" only.
MAX_FIELDS = 60
CSRF_FIELD = "csrfmiddlewaretoken"


def too_many_requests(request: HttpRequest, refusal: RateLimited) -> HttpResponse:
    """429, with `Retry-After`: a problem document under `/api/`, the shop's page elsewhere."""
    if request.path.startswith(API_ROOT):
        return refuse(refusal)
    seconds = refusal.details["retry_after"]
    page = _render(request, "429.html", 429, wait=seconds, message=str(refusal), send_again=_typed(request))
    page["Retry-After"] = str(seconds)
    return page


def csrf_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """`CSRF_FAILURE_VIEW`: 403. The cookie is missing (`cookies`), or its token is another one by now (`token`)."""
    no_cookie = reason == REASON_NO_CSRF_COOKIE
    # Once a page of ours is known to have sent it, only the token was wrong: then it may be offered again.
    from_us = no_cookie or reason == REASON_CSRF_TOKEN_MISSING or reason.startswith("CSRF token")
    from_us = from_us and ("origin" in request.headers or request.is_secure())
    page = _render(request, "403_csrf.html", 403, no_cookie=no_cookie, send_again=_typed(request) if from_us else None)
    if from_us:
        page["X-CSRFToken"] = get_token(request)
        page["X-Refused"] = "cookies" if no_cookie else "token"
    return page


def _render(request: HttpRequest, template: str, status: int, **context: object) -> HttpResponse:
    page = render(request, template, {"back": _page_before(request), **context}, status=status)
    add_never_cache_headers(page)
    return page


def _typed(request: HttpRequest) -> list[tuple[str, str]] | None:
    """The fields of the refused form, to be sent again; None if they must not be shown, or are not all of it."""
    if request.method != "POST":
        return None
    fields = [(name, str(value)) for name, values in request.POST.lists() for value in values if name != CSRF_FIELD]
    secret = any("password" in name.lower() for name, _value in fields)
    return None if secret or request.FILES or len(fields) > MAX_FIELDS else fields


def _page_before(request: HttpRequest) -> str:
    """The path of the page of ours from which the request came, or ""."""
    before = request.headers.get("referer", "")
    if not before or not url_has_allowed_host_and_scheme(before, {request.get_host()}):
        return ""
    parts = urlsplit(before)
    return parts.path + (f"?{parts.query}" if parts.query else "")
