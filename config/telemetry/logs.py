"""Log lines: which request, task, cart, order and attempt each belongs to, and nothing of anybody's person in them.

The standard library and a formatter, no structlog: Django, Celery, gunicorn and every library log by the standard
library, so one handler reaches all of them, and what is said here reaches theirs.

Ids stand beside the message: `with about(order=…)` for a stretch, `remember(cart=…)` for the rest of the stretch under
way. They cross to workers in the message's headers (`config.telemetry.tasks`). Whatever a library puts into its text is
looked through for what must not stand in a log: addresses of carts and orders open them to whoever holds them.
"""

import json
import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

# What a line may carry beside its message and its ids. Anything else that a library adds is left out.
FACTS = ("method", "path", "status", "milliseconds", "bytes")

_about: ContextVar[dict[str, str] | None] = ContextVar("about", default=None)

HIDDEN = "[…]"
_SECRETS = re.compile(
    r"""
    [\w.+%-]+@[\w-]+(?:\.[\w-]+)+                                     # e-mail addresses
    | (?<![\w-])(?=[a-z0-9_-]*[A-Z])[A-Za-z0-9_-]{43,}               # tokens of carts and orders
    | (?<![\w-])[0-9a-z]{1,13}-[0-9a-f]{32}(?![\w-])                  # Django's tokens for a new password
    | \b(?:pm|tok|card|src|seti|sk|rk|pk|whsec)_[A-Za-z0-9_]+         # the provider's tokens and keys
    | \bpi_[A-Za-z0-9]+_secret_[A-Za-z0-9]+
    | (?<![\w.-])\d{5}-\d{3}(?![\w-])                                 # postal codes
    | (?<=/ws/)\d{8}
    | (?<![\w.-])(?:\d[ -]?){13,19}(?![\w-])                          # card numbers
    | (?<![\w.-])(?:\+?\d{2}[ -]?)?\(?\d{2}\)?[ -]?9?\d{4}[ -]?\d{4}(?![\w-])  # telephone numbers
    | (?<=DETAIL:).*                                                  # a refused row, in PostgreSQL's words
    | (?<=Token[ ])[0-9a-f]{40} | (?<=Bearer[ ])\S+
    | (?<=://)[^/\s@]+(?=@)                                           # passwords in addresses
    | (?<=/)\?\S+                                                     # queries: they carry tokens
    """,
    re.VERBOSE,
)


def redacted(text: str) -> str:
    """`text` without what would tell who somebody is, or open what is theirs."""
    return _SECRETS.sub(HIDDEN, text)


@contextmanager
def about(**ids: object) -> Iterator[None]:
    """Every line logged inside carries these ids, and those round it."""
    token = _about.set({**(_about.get() or {}), **_as_text(ids)})
    try:
        yield
    finally:
        _about.reset(token)


def remember(**ids: object) -> None:
    """The rest of the stretch under way (`about`) carries these ids. Outside of any it does nothing."""
    under_way = _about.get()
    if under_way is not None:
        under_way.update(_as_text(ids))


def current(name: str) -> str | None:
    """An id that lines carry now."""
    return (_about.get() or {}).get(name)


def _as_text(ids: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in ids.items() if value is not None}


class _WithIds(logging.Filter):
    """Puts the ids of the moment on a record, in the thread that logs."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.ids = dict(_about.get() or {})
        return True


class Plain(logging.Formatter):
    """A line for a person."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        line = redacted(super().format(record))
        ids = " ".join(f"{name}={value}" for name, value in getattr(record, "ids", {}).items())
        return f"{line} ({ids})" if ids else line


class Json(logging.Formatter):
    """A line for a machine: one object."""

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        document: dict[str, Any] = {
            "time": f"{stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(record.getMessage()),
        }
        document |= getattr(record, "ids", {})
        document |= {name: _fact(record.__dict__[name]) for name in FACTS if name in record.__dict__}
        if record.exc_info:
            document["exception"] = redacted(self.formatException(record.exc_info))
        return json.dumps(document, ensure_ascii=False)


def _fact(value: object) -> object:
    return value if isinstance(value, int | float) else redacted(str(value))


def configuration(*, as_json: bool, level: str) -> dict[str, Any]:
    """For `logging.config`: everything through one handler. The web server's own logs as well."""
    ours = {"handlers": ["console"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"ids": {"()": _WithIds}},
        "formatters": {"line": {"()": Json if as_json else Plain}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["ids"]}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Django's own handlers: mail to admins, and a second copy of each line in development.
            "django": {"handlers": [], "propagate": True},
            "gunicorn.error": {**ours, "level": level},
            "gunicorn.access": {**ours, "level": level},
        },
    }
