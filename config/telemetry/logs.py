"""Log lines with the ids of their request, task, cart, order and attempt, and without personal data.

The standard library and a formatter, no structlog: Django, Celery, gunicorn and every library use the standard logging,
so one handler covers all of them.

Ids are separate from the message: `with about(order=…)` adds some to a block, `remember(cart=…)` to the rest of the
current block. They reach workers in the message headers (`config.telemetry.tasks`). Every message is redacted,
libraries' included: the URLs of carts and orders are secrets, as they grant access.
"""

import json
import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

# The extra fields that a line may carry. Anything else that a library adds is dropped.
FACTS = ("method", "path", "status", "milliseconds", "bytes")

_about: ContextVar[dict[str, str] | None] = ContextVar("about", default=None)

HIDDEN = "[…]"
_SECRETS = re.compile(
    r"""
    [\w.+%-]+@[\w-]+(?:\.[\w-]+)+                                     # e-mail addresses
    | (?<![\w-])(?=[a-z0-9_-]*[A-Z])[A-Za-z0-9_-]{43,}               # tokens of carts and orders
    | (?<![\w-])[0-9a-z]{1,13}-[0-9a-f]{32}(?![\w-])                  # Django's password reset tokens
    | \b(?:pm|tok|card|src|seti|sk|rk|pk|whsec)_[A-Za-z0-9_]+         # the provider's tokens and keys
    | \bpi_[A-Za-z0-9]+_secret_[A-Za-z0-9]+
    | (?<![\w.-])\d{5}-\d{3}(?![\w-])                                 # postal codes
    | (?<=/ws/)\d{8}
    | (?<![\w.-])(?:\d[ -]?){13,19}(?![\w-])                          # card numbers
    | (?<![\w.-])\d{3}\.?\d{3}\.?\d{3}-?\d{2}(?![\w-])               # CPF
    | (?<![\w.-])[0-9A-Z]{2}\.?[0-9A-Z]{3}\.?[0-9A-Z]{3}/?[0-9A-Z]{4}-?\d{2}(?![\w-])   # CNPJ
    | (?<![\w.-])(?:\+?\d{2}[ -]?)?\(?\d{2}\)?[ -]?9?\d{4}[ -]?\d{4}(?![\w-])  # telephone numbers
    | (?<=DETAIL:).*                                                  # the row in errors of PostgreSQL
    | (?<=Token[ ])[0-9a-f]{40} | (?<=Bearer[ ])\S+
    | (?<=://)[^/\s@]+(?=@)                                           # passwords in URLs
    | (?<=/)\?\S+                                                     # query strings, which carry tokens
    """,
    re.VERBOSE,
)


class Redacted(str):
    """A text without personal data and secrets, made by `redacted` or of such texts: formatters take it as it is."""

    __slots__ = ()


def redacted(text: str) -> Redacted:
    """`text` without personal data and secrets."""
    return text if isinstance(text, Redacted) else Redacted(_SECRETS.sub(HIDDEN, text))


@contextmanager
def about(**ids: object) -> Iterator[None]:
    """Lines logged inside carry these ids, in addition to those of enclosing blocks."""
    token = _about.set({**(_about.get() or {}), **_as_text(ids)})
    try:
        yield
    finally:
        _about.reset(token)


def remember(**ids: object) -> None:
    """Add these ids to the rest of the current `about` block. Does nothing outside of one."""
    ids_now = _about.get()
    if ids_now is not None:
        ids_now.update(_as_text(ids))


def current(name: str) -> str | None:
    """The current value of an id, if any."""
    return (_about.get() or {}).get(name)


def _as_text(ids: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in ids.items() if value is not None}


class _WithIds(logging.Filter):
    """Adds the current ids to a record, in the thread that logs."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.ids = dict(_about.get() or {})
        return True


class _RefusalsAsInfo(logging.Filter):
    """Django warns of every 4xx. These are the answers to everyday work, such as a declined card, and no warning."""

    EXPECTED = (402, 409, 422)

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno != logging.WARNING or getattr(record, "status_code", None) not in self.EXPECTED:
            return True
        record.levelno, record.levelname = logging.INFO, "INFO"
        return logging.getLogger(record.name).isEnabledFor(logging.INFO)


class Plain(logging.Formatter):
    """One line for people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        line = redacted(super().format(record))
        ids = " ".join(f"{name}={value}" for name, value in getattr(record, "ids", {}).items())
        return f"{line} ({ids})" if ids else line


class Json(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        document: dict[str, Any] = {
            "time": f"{stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(_message(record)),
        }
        document |= getattr(record, "ids", {})
        document |= {name: _fact(record.__dict__[name]) for name in FACTS if name in record.__dict__}
        if record.exc_info:
            document["exception"] = redacted(self.formatException(record.exc_info))
        return json.dumps(document, ensure_ascii=False)


def _message(record: logging.LogRecord) -> str:
    """A message without arguments as it was given: `getMessage` would make a plain string of a Redacted."""
    return record.msg if isinstance(record.msg, str) and not record.args else record.getMessage()


def _fact(value: object) -> object:
    # `str` would make a plain string of a Redacted.
    return value if isinstance(value, int | float) else redacted(value if isinstance(value, str) else str(value))


def configuration(*, as_json: bool, level: str) -> dict[str, Any]:
    """For `logging.config`: one handler for everything, including gunicorn's logs."""
    ours = {"handlers": ["console"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"ids": {"()": _WithIds}, "refusals": {"()": _RefusalsAsInfo}},
        "formatters": {"line": {"()": Json if as_json else Plain}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["ids"]}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Without Django's own handlers, which mail admins and print each line again in development.
            "django": {"handlers": [], "propagate": True},
            "django.request": {"handlers": [], "propagate": True, "filters": ["refusals"]},
            "gunicorn.error": {**ours, "level": level},
            "gunicorn.access": {**ours, "level": level},
        },
    }
