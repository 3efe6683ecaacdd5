"""The demo's mailbox."""

import email
import email.policy
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp, csp_update
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

MAILS_SHOWN = 50


@dataclass(frozen=True)
class StoredMail:
    """A mail stored by Django's file backend. `name` is its file's name and its position in the file."""

    name: str
    subject: str
    recipient: str
    sent_at: datetime | None
    text: str
    html: str


@require_safe
@never_cache
def demo_mailbox(request: HttpRequest) -> HttpResponse:
    return render(request, "pages/mailbox.html", {"mails": _mails()[:MAILS_SHOWN]})


@require_safe
@never_cache
@csp_update({"frame-src": [SELF]})  # type: ignore[arg-type]  # it takes any view, its annotation only one shape
def demo_mail(request: HttpRequest, name: str) -> HttpResponse:
    return render(request, "pages/mail.html", {"mail": _mail(name)})


@require_safe
@never_cache
@xframe_options_sameorigin
@csp({"default-src": [NONE], "style-src": [UNSAFE_INLINE], "frame-ancestors": [SELF]})  # type: ignore[arg-type]
def demo_mail_html(request: HttpRequest, name: str) -> HttpResponse:
    """The HTML part, for a frame without scripts; inline styles are allowed, as mail clients need them."""
    # Links open outside the frame: no page of the shop may be framed.
    return HttpResponse(_mail(name).html.replace("<head>", '<head><base target="_top">', 1))


def _mail(name: str) -> StoredMail:
    found = next((mail for mail in _mails() if mail.name == name), None)
    if found is None:
        raise Http404
    return found


def _mails() -> list[StoredMail]:
    """The demo's mails, newest first. Raises Http404 outside the demo."""
    if not settings.DEMO:
        raise Http404
    folder = getattr(settings, "EMAIL_FILE_PATH", None)
    if not folder or not Path(folder).is_dir():
        return []
    files = sorted(Path(folder).glob("*.log"), key=lambda file: file.stat().st_mtime, reverse=True)
    return [mail for file in files[:MAILS_SHOWN] for mail in reversed(_read(file))]


def _read(file: Path) -> list[StoredMail]:
    """A file holds all mails of one connection, each followed by a line of dashes."""
    parts = file.read_bytes().split(b"\n" + b"-" * 79 + b"\n")
    return [_parse(f"{file.stem}-{position}", part) for position, part in enumerate(parts) if part.strip()]


def _parse(name: str, raw: bytes) -> StoredMail:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)  # noqa: S101 - the default policy makes these
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    date = message["Date"]
    return StoredMail(
        name=name,
        subject=str(message["Subject"] or ""),
        recipient=str(message["To"] or ""),
        sent_at=_moment(str(date)) if date else None,
        text=text.get_content() if text else "",
        html=html.get_content() if html else "",
    )


def _moment(date: str) -> datetime:
    """A mail's date; without a time zone ("-0000") it is in UTC."""
    moment = parsedate_to_datetime(date)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
