"""`ETag` and 304 for pages: one that the browser has already is not rendered again."""

from hashlib import sha256

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import parse_etags
from django.utils.translation import get_language

from config.pages.context import shop


def render_unless_known(
    request: HttpRequest, template: str, context: dict[str, object], shows: list[object]
) -> HttpResponse:
    """The page, or 304. `shows` is all that its view puts on it, as values that JSON can tell."""
    tag = _tag(request, template, shows)
    if tag is None:
        return render(request, template, context)
    # The tag is weak: two renderings mask the CSRF token in two ways, and either is good.
    known = tag in parse_etags(request.META.get("HTTP_IF_NONE_MATCH", ""))
    response = HttpResponseNotModified() if known else render(request, template, context)
    response["ETag"] = tag
    patch_cache_control(response, private=True, no_cache=True)  # keep it, and ask whether it still holds
    patch_vary_headers(response, ["Cookie"])
    return response


def _tag(request: HttpRequest, template: str, shows: list[object]) -> str | None:
    """None unless the page hangs on nothing but `shows`, the language and the browser's CSRF secret.

    A user, a cart or a message comes with a cookie of its own. A page of another release looks different, and where
    none is named, templates are being worked on.
    """
    secret = request.META.get("CSRF_COOKIE")
    if not settings.RELEASE or not secret or "CSRF_COOKIE_NEEDS_UPDATE" in request.META:
        return None
    if not request.COOKIES.keys() <= {settings.CSRF_COOKIE_NAME, settings.LANGUAGE_COOKIE_NAME}:
        return None
    facts = [settings.RELEASE, template, request.get_full_path(), get_language(), secret, shop(request), shows]
    return f'W/"{sha256(msgspec.json.encode(facts)).hexdigest()[:32]}"'
