"""Every refusal as RFC 9457 `application/problem+json`.

`{"type", "title", "status", "detail", "code", "errors"?}`: clients switch on `code`, people read `detail`, and `errors`
maps a field (dotted if nested) to messages. All error responses under `/api/` come from here.
"""

import json
import logging
import math
import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _
from django.views import defaults
from rest_framework import exceptions as drf

from config.exceptions import NotFound, Refusal
from config.rate_limits import RateLimited

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
API_ROOT = "/api/"
# Unknown field names are echoed to the client, cut to this length.
_NAME_LENGTH = 100


# --- Refusals of the protocol, before any rule of the shop is checked -------------------------------------------------


class Malformed(Refusal):
    status = 400
    message = _("The body is not valid JSON in UTF-8.")


class NotAuthenticated(Refusal):
    code = "not_authenticated"
    status = 401
    title = _("Not signed in")
    message = _("Sign in, or send a valid token.")


class Forbidden(Refusal):
    code = "permission_denied"
    status = 403
    title = _("Not allowed")
    message = _("You do not have permission to do this.")


class MethodNotAllowed(Refusal):
    code = "method_not_allowed"
    status = 405
    title = _("Method not allowed")
    message = _("This address does not support this method.")


class NotAcceptable(Refusal):
    code = "not_acceptable"
    status = 406
    title = _("Not available in this format")
    message = _("Responses are available as application/json only.")


class TooLarge(Refusal):
    code = "too_large"
    status = 413
    title = _("The request is too large")
    message = _("The request body is too large.")


class UnsupportedMediaType(Refusal):
    code = "unsupported_media_type"
    status = 415
    title = _("Unsupported media type")
    message = _("Send application/json.")


class InternalError(Refusal):
    code = "internal_error"
    status = 500
    title = _("Something went wrong")
    message = _("Something went wrong on our side. Please try again in a moment.")


class Unavailable(Refusal):
    """The database is unreachable: down, or failing over to its standby. `retry_after` is in seconds."""

    code = "unavailable"
    status = 503
    title = _("Not available for a moment")
    message = _("The shop is briefly unavailable. Send the same request again shortly: nothing happens twice.")

    def __init__(self) -> None:
        super().__init__(retry_after=2)


class SlashMissing(Http404):
    """The address would be one with a slash at its end; `address` is that one."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__(_("There is nothing at this address. Send the request to %(address)s.") % {"address": address})


_BY_STATUS: dict[int, type[Refusal]] = {
    kind.status: kind
    for kind in (
        Malformed, NotFound, NotAuthenticated, Forbidden, MethodNotAllowed, NotAcceptable, TooLarge,
        UnsupportedMediaType, RateLimited,
    )
}  # fmt: skip


# --- The document -----------------------------------------------------------------------------------------------------


def problem_of(refusal: Refusal, field_paths: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The problem document of a refusal, in the language of the request.

    `field_paths` maps the refusal's field names to those in the request, where they differ.
    """
    document: dict[str, Any] = {
        "type": f"urn:esteira:problem:{refusal.code}",
        "title": str(refusal.title or HTTPStatus(refusal.status).phrase),
        "status": refusal.status,
        "detail": str(refusal),
        "code": refusal.code,
    }
    errors = _errors_of(refusal, field_paths or {})
    if errors:
        document["errors"] = errors
    document |= {name: refusal.details[name] for name in refusal.shows if name in refusal.details}
    return document


def _errors_of(refusal: Refusal, field_paths: Mapping[str, str]) -> object:
    if "errors" in refusal.details:
        return refusal.details["errors"]
    field = refusal.details.get("field")
    return {field_paths.get(str(field), str(field)): [str(refusal)]} if field else None


def problem_response(document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> HttpResponse:
    """A problem document as a response, independent of the view's renderer."""
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    return HttpResponse(body, content_type=CONTENT_TYPE, status=document["status"], headers=headers)


def refuse(
    refusal: Refusal, headers: Mapping[str, str] | None = None, field_paths: Mapping[str, str] | None = None
) -> HttpResponse:
    """The response to a refused request, with `Retry-After` if the refusal has a `retry_after`."""
    retry_after = refusal.details.get("retry_after")
    retry_header = {"Retry-After": str(retry_after)} if retry_after else {}
    return problem_response(problem_of(refusal, field_paths), {**retry_header, **(headers or {})})


# --- From exceptions --------------------------------------------------------------------------------------------------


def exception_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """DRF's hook: the response to an exception of a view, or None for a bug, which `server_error` handles."""
    refusal = refusal_of(error)
    if refusal is None:
        return None
    scheme = getattr(error, "auth_header", None)
    headers = {"WWW-Authenticate": str(scheme)} if scheme else {}
    return refuse(refusal, headers, getattr(context.get("view"), "field_paths", None))


def refusal_of(error: Exception) -> Refusal | None:
    """`error` as a refusal, or None if it is not one."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, drf.ValidationError):
        return Refusal(_("Some values are invalid. See the message for each field."), errors=_flattened(error.detail))
    if isinstance(error, drf.Throttled):
        return RateLimited(retry_after=max(1, math.ceil(getattr(error, "wait", None) or 1)))
    if isinstance(error, drf.APIException):
        return _of_api_exception(error)
    return _of_django_error(error)


def _of_api_exception(error: drf.APIException) -> Refusal | None:
    kind = _BY_STATUS.get(error.status_code)
    if kind is None:
        return None
    if isinstance(error, drf.NotFound) and error.detail == drf.NotFound.default_detail:
        return kind()
    return kind(str(error.detail))


def _of_django_error(error: Exception) -> Refusal | None:
    if isinstance(error, Http404):
        return NotFound()
    if isinstance(error, PermissionDenied):
        return Forbidden()
    if isinstance(error, RequestDataTooBig):
        return TooLarge()
    if isinstance(error, BadRequest):
        return Malformed(str(error))
    if isinstance(error, (SuspiciousOperation, UnreadablePostError)):
        return Malformed(_("The request could not be read."))
    if isinstance(error, (OperationalError, InterfaceError)):
        logger.warning("The database is unavailable: %s", type(error.__cause__ or error).__name__)
        return Unavailable()
    return None


def _flattened(detail: object) -> dict[str, list[str]]:
    """DRF's nested messages, flattened: `{"address.street": ["…"]}`."""
    errors: dict[str, list[str]] = {}
    for path, message in _leaves(detail, ()):
        errors.setdefault(".".join(path) or "non_field_errors", []).append(message)
    return errors


def _leaves(detail: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from _leaves(inner, (*path, str(name)[:_NAME_LENGTH]))
    elif isinstance(detail, list | tuple):
        for position, inner in enumerate(detail):
            nested = isinstance(inner, Mapping | list | tuple)
            yield from _leaves(inner, (*path, str(position)) if nested else path)
    else:
        yield path, str(detail)


# --- Errors outside of any view ---------------------------------------------------------------------------------------


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """`handler400`: a problem document under `/api/`, the shop's page elsewhere."""
    if not request.path.startswith(API_ROOT):
        return defaults.bad_request(request, exception)
    return refuse(refusal_of(exception) or Malformed(_("The request could not be read.")))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """`handler404`: likewise."""
    if not request.path.startswith(API_ROOT):
        return defaults.page_not_found(request, exception)
    return refuse(NotFound(str(exception)) if isinstance(exception, SlashMissing) else NotFound())


def server_error(request: HttpRequest) -> HttpResponse:
    """`handler500`: likewise. The cause is only in the log, unless the database is unavailable, which becomes a 503."""
    error = sys.exception()
    refusal = refusal_of(error) if isinstance(error, Exception) else None
    if isinstance(refusal, Unavailable):
        return refuse(refusal) if request.path.startswith(API_ROOT) else _unavailable_page(refusal)
    if not request.path.startswith(API_ROOT):
        return defaults.server_error(request)
    return refuse(InternalError())


def _unavailable_page(refusal: Unavailable) -> HttpResponse:
    headers = {"Retry-After": str(refusal.details["retry_after"])}
    return HttpResponse(render_to_string("503.html"), status=refusal.status, headers=headers)
