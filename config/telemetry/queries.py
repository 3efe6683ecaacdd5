"""Instruments SQL on every connection: statements per request, lock waits, and lock errors."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from config.telemetry import tracing
from config.telemetry.metrics import lock_errors, lock_wait, statement_duration
from config.telemetry.request_cost import RequestCost, current_cost

_LOCK_ERRORS = {"40P01": "deadlock", "55P03": "timeout", "40001": "serialization"}


def watch_statements(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Receiver of `connection_created`: counts and times every statement of the connection."""
    if _watch not in connection.execute_wrappers:
        connection.execute_wrappers.append(_watch)


def _watch(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    cost = current_cost()
    if cost is not None:
        cost.statements += 1
    began = perf_counter()
    try:
        return _execute(cost, execute, sql, params, many, context)
    except OperationalError as error:
        kind = _LOCK_ERRORS.get(getattr(error.__cause__, "sqlstate", None) or "")
        if kind:
            lock_errors.labels(kind).inc()
        raise
    finally:
        seconds = perf_counter() - began
        statement_duration.observe(seconds)
        if isinstance(sql, str) and " FOR UPDATE" in sql:
            lock_wait.observe(seconds)


def _execute(cost: RequestCost | None, execute: Callable[..., Any], *statement: Any) -> Any:
    if cost is None or not cost.timed:
        return _traced(execute, *statement)
    with cost.time_spent("db"):
        return _traced(execute, *statement)


def _traced(execute: Callable[..., Any], sql: Any, *more: Any) -> Any:
    if not tracing.ON:
        return execute(sql, *more)
    text = sql if isinstance(sql, str) else type(sql).__name__
    with tracing.span("client", text.split(None, 1)[0], db_system_name="postgresql", db_query_text=text):
        return execute(sql, *more)
