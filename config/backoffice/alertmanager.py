"""What fires in Alertmanager, for a page that must not wait for it."""

import json
import logging
import threading
import time
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from config.db.locks import refuse_in_transaction
from config.resilience.http import Call, CallFailed, send

logger = logging.getLogger(__name__)

SECONDS = 0.5
# An answer, and that there is none, is good for a while: a page pays for silence once, not at each look.
KEPT_SECONDS = 15.0
MOST_BYTES = 512 * 1024
_ACTIVE = "/api/v2/alerts?active=true&silenced=false&inhibited=false"


@dataclass(frozen=True)
class Alert:
    name: str
    severity: str
    summary: str
    since: datetime


class _Kept:
    """The last answer of this process, by the address that gave it."""

    lock = threading.Lock()
    url = ""
    until = 0.0
    alerts: "list[Alert] | None" = None


def firing() -> list[Alert] | None:
    """The alerts that fire, the oldest first; None where Alertmanager does not answer in time. Empty where none is
    configured. Whoever comes while somebody else is asking takes the last answer."""
    url = settings.ALERTMANAGER_URL
    if not url:
        return []
    is_known = _Kept.url == url
    if is_known and time.monotonic() < _Kept.until:
        return _Kept.alerts
    if not _Kept.lock.acquire(blocking=False):
        return _Kept.alerts if is_known else None
    try:
        _Kept.alerts = _ask(url)
        _Kept.url, _Kept.until = url, time.monotonic() + KEPT_SECONDS
        return _Kept.alerts
    finally:
        _Kept.lock.release()


def forget() -> None:
    """Have the next look ask anew."""
    _Kept.until = 0.0


def _ask(url: str) -> list[Alert] | None:
    refuse_in_transaction("Alertmanager")
    try:
        answer = send(Call(service="alertmanager", base=url, path=_ACTIVE, seconds=SECONDS, max_bytes=MOST_BYTES))
        if answer.status != 200:
            raise CallFailed(f"status {answer.status}")
        return sorted((_read(told) for told in json.loads(answer.body)), key=lambda alert: alert.since)
    except (CallFailed, ValueError, KeyError, TypeError) as error:
        logger.warning("Alertmanager does not answer: %s", type(error).__name__)
        return None


def _read(told: dict[str, dict[str, str]]) -> Alert:
    return Alert(
        name=told["labels"]["alertname"],
        severity=told["labels"].get("severity", ""),
        summary=told["annotations"].get("summary", ""),
        since=datetime.fromisoformat(str(told["startsAt"])),
    )
