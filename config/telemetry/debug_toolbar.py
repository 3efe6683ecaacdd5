"""The developer view: django-debug-toolbar without any user input.

In a demo and in development, staff see on any page the statements of that page's and later requests (duplicates, and
the line that ran each), cache calls, templates and timings. The records are kept in the cache, so that every process
finds them. They hold statements and keys only, no values: those would include what a request's body contained.

Production does not install the toolbar; this module is imported only where it is installed.
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
    """Whether the user is staff. Costs nothing for anonymous requests."""
    return settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_active and request.user.is_staff


class HistoryPanel(_HistoryPanel):
    """The requests so far, without query strings and bodies."""

    def record_stats(self, stats: dict[str, Any]) -> None:
        super().record_stats({**stats, "request_url": stats["request_url"].split("?")[0], "data": None})  # type: ignore[no-untyped-call]


class SQLPanel(_SQLPanel):
    """The statements, with placeholders. Duplicates have already been detected by their values."""

    def record_stats(self, stats: dict[str, Any]) -> None:
        queries = [{**query, "sql": query["raw_sql"], "params": None} for query in stats["queries"]]
        super().record_stats({**stats, "queries": queries})  # type: ignore[no-untyped-call]


class CachePanel(_CachePanel):
    """The calls by key: those of Django's cache, and commands that the code sends to Redis directly."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)  # type: ignore[no-untyped-call]
        self.counts["redis"] = 0

    @classmethod
    def ready(cls) -> None:
        super().ready()  # type: ignore[no-untyped-call]
        redis.Redis.execute_command = _recorded(redis.Redis.execute_command, _command)  # type: ignore[method-assign]
        Pipeline.execute = _recorded(Pipeline.execute, _commands)  # type: ignore[method-assign]

    def record_redis(self, command: str, seconds: float) -> None:
        self._store_call_info("redis", seconds, None, (command,), {}, get_stack_trace(skip=3), None, "Redis")  # type: ignore[no-untyped-call]

    def record_stats(self, stats: dict[str, Any]) -> None:
        calls = [{**call, "args": _keys(call["args"]), "kwargs": {}} for call in stats["calls"]]
        super().record_stats({**stats, "calls": calls})  # type: ignore[no-untyped-call]


def _recorded(method: Callable[..., Any], describe: Callable[..., str]) -> Callable[..., Any]:
    """`method`, recorded in the panel of the current request."""

    @functools.wraps(method)
    def recorded(self: Any, *arguments: Any, **options: Any) -> Any:
        panel = _listening_panel()
        if panel is None:
            return method(self, *arguments, **options)
        command, began = describe(self, *arguments), time.perf_counter()
        try:
            return method(self, *arguments, **options)
        finally:
            panel.record_redis(command, time.perf_counter() - began)

    return recorded


def _listening_panel() -> CachePanel | None:
    """The panel of the current request; None inside calls of Django's cache, which are recorded as such."""
    panel: CachePanel | None = CachePanel.current_instance()  # type: ignore[no-untyped-call]
    return panel if panel is not None and getattr(caches["default"], "_djdt_panel", None) is panel else None


def _command(_client: Any, name: str, *arguments: Any) -> str:
    """The command and its key: the third argument of EVAL, the first of every other command that we send."""
    key = arguments[2:3] if name == "EVAL" else arguments[:1]
    return " ".join(map(str, [name, *key]))


def _commands(pipeline: Any, *_: Any) -> str:
    return ", ".join(_command(pipeline, *arguments) for arguments, _options in pipeline.command_stack)


def _keys(arguments: tuple[Any, ...]) -> list[Any]:
    first = arguments[0] if arguments else ""
    return [first if isinstance(first, str) else list(first)]
