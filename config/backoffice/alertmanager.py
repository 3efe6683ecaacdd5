"""The alerts firing in Alertmanager, for a page that must not wait for it."""

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

TIMEOUT_SECONDS = 0.5
# Failures are cached too: an unreachable Alertmanager costs one timeout per period, not one per page view.
CACHE_SECONDS = 15.0
MAX_BYTES = 512 * 1024
_ACTIVE = "/api/v2/alerts?active=true&silenced=false&inhibited=false"


@dataclass(frozen=True)
class Alert:
    name: str
    severity: str
    summary: str
    since: datetime


class _Cache:
    """This process's last answer, and the URL that gave it."""

    lock = threading.Lock()
    url = ""
    until = 0.0
    alerts: "list[Alert] | None" = None


def firing() -> list[Alert] | None:
    """The firing alerts, oldest first; empty if no Alertmanager is configured, None if it does not answer in time.

    Single flight: while one thread asks, the others get the last answer.
    """
    url = settings.ALERTMANAGER_URL
    if not url:
        return []
    is_known = _Cache.url == url
    if is_known and time.monotonic() < _Cache.until:
        return _Cache.alerts
    if not _Cache.lock.acquire(blocking=False):
        return _Cache.alerts if is_known else None
    try:
        _Cache.alerts = _ask(url)
        _Cache.url, _Cache.until = url, time.monotonic() + CACHE_SECONDS
        return _Cache.alerts
    finally:
        _Cache.lock.release()


def forget() -> None:
    """Expire the cached answer."""
    _Cache.until = 0.0


def _ask(url: str) -> list[Alert] | None:
    refuse_in_transaction("Alertmanager")
    try:
        answer = send(
            Call(service="alertmanager", base=url, path=_ACTIVE, seconds=TIMEOUT_SECONDS, max_bytes=MAX_BYTES)
        )
        if answer.status != 200:
            raise CallFailed(f"status {answer.status}")
        return sorted((_read(entry) for entry in json.loads(answer.body)), key=lambda alert: alert.since)
    except (CallFailed, ValueError, KeyError, TypeError) as error:
        logger.warning("Alertmanager is not responding: %s", type(error).__name__)
        return None


def _read(entry: dict[str, dict[str, str]]) -> Alert:
    return Alert(
        name=entry["labels"]["alertname"],
        severity=entry["labels"].get("severity", ""),
        summary=entry["annotations"].get("summary", ""),
        since=datetime.fromisoformat(str(entry["startsAt"])),
    )
