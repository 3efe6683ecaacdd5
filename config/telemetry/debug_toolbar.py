"""The developer's view: django-debug-toolbar with what helps, and with nothing that people have typed.

In a demo and in development staff see, on any page, that page's and any later request's statements (which ones repeat,
which line asked for them), cache calls, templates and timings. What is kept for that lies in the cache, so that every
process finds it. Only statements and keys are kept, no values: those of a request's body would be among them.

The toolbar is no part of what production installs; this module is imported only where it is.
"""

import functools
import time
from collections.abc import Callable
from typing import Any

import redis
from debug_toolbar.panels.cache import CachePanel as _CachePanel
from debug_toolbar.panels.history import HistoryPanel as _HistoryPanel
from debug_toolbar.panels.sql import SQLPanel as _SQLPanel
from debug_toolbar.utils import get_stack_trace
from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest
from redis.client import Pipeline


def is_for(request: HttpRequest) -> bool:
    """Whether staff asks. Costs nothing where nobody is signed in."""
    return settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_active and request.user.is_staff


class HistoryPanel(_HistoryPanel):
    """The requests so far, without query strings and bodies."""

    def record_stats(self, stats: dict[str, Any]) -> None:
        super().record_stats({**stats, "request_url": stats["request_url"].split("?")[0], "data": None})  # type: ignore[no-untyped-call]


class SQLPanel(_SQLPanel):
    """The statements, with placeholders. Which of them repeat has been found out by their values before."""

    def record_stats(self, stats: dict[str, Any]) -> None:
        queries = [{**query, "sql": query["raw_sql"], "params": None} for query in stats["queries"]]
        super().record_stats({**stats, "queries": queries})  # type: ignore[no-untyped-call]


class CachePanel(_CachePanel):
    """The calls, by their keys: those of Django's cache, and commands that the code sends to Redis by itself."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)  # type: ignore[no-untyped-call]
        self.counts["redis"] = 0

    @classmethod
    def ready(cls) -> None:
        super().ready()  # type: ignore[no-untyped-call]
        redis.Redis.execute_command = _noted(redis.Redis.execute_command, _command)  # type: ignore[method-assign]
        Pipeline.execute = _noted(Pipeline.execute, _commands)  # type: ignore[method-assign]

    def note_redis(self, said: str, seconds: float) -> None:
        self._store_call_info("redis", seconds, None, (said,), {}, get_stack_trace(skip=3), None, "Redis")  # type: ignore[no-untyped-call]

    def record_stats(self, stats: dict[str, Any]) -> None:
        calls = [{**call, "args": _keys(call["args"]), "kwargs": {}} for call in stats["calls"]]
        super().record_stats({**stats, "calls": calls})  # type: ignore[no-untyped-call]


def _noted(method: Callable[..., Any], said: Callable[..., str]) -> Callable[..., Any]:
    """The method, which tells the panel of the request under way."""

    @functools.wraps(method)
    def noted(self: Any, *arguments: Any, **options: Any) -> Any:
        panel = _listening_panel()
        if panel is None:
            return method(self, *arguments, **options)
        what, began = said(self, *arguments), time.perf_counter()
        try:
            return method(self, *arguments, **options)
        finally:
            panel.note_redis(what, time.perf_counter() - began)

    return noted


def _listening_panel() -> CachePanel | None:
    """That of the request under way; None also while Django's cache is at work, whose calls are noted as such."""
    panel: CachePanel | None = CachePanel.current_instance()  # type: ignore[no-untyped-call]
    return panel if panel is not None and getattr(caches["default"], "_djdt_panel", None) is panel else None


def _command(_client: Any, name: str, *arguments: Any) -> str:
    """EVAL runs a script on some keys; every other command that we send begins with its key."""
    key = arguments[2:3] if name == "EVAL" else arguments[:1]
    return " ".join(map(str, [name, *key]))


def _commands(pipeline: Any, *_: Any) -> str:
    return ", ".join(_command(pipeline, *arguments) for arguments, _options in pipeline.command_stack)


def _keys(arguments: tuple[Any, ...]) -> list[Any]:
    first = arguments[0] if arguments else ""
    return [first if isinstance(first, str) else list(first)]
