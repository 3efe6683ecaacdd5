"""Statements, watched on every connection: how many a request runs, how long locks are waited for, which ones fail."""

from collections.abc import Callable
from typing import Any

from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from config.telemetry import tracing
from config.telemetry.metrics import lock_errors, lock_wait, statement_duration
from config.telemetry.request_cost import Measure, under_way

_LOCK_ERRORS = {"40P01": "deadlock", "55P03": "timeout", "40001": "serialization"}


def watch_statements(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """A receiver of `connection_created`: count and time what runs on the connection from now on."""
    if _watch not in connection.execute_wrappers:
        connection.execute_wrappers.append(_watch)


def _watch(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    measure = under_way()
    if measure is not None:
        measure.statements += 1
    try:
        with statement_duration.time():
            if isinstance(sql, str) and " FOR UPDATE" in sql:
                with lock_wait.time():
                    return _execute(measure, execute, sql, params, many, context)
            return _execute(measure, execute, sql, params, many, context)
    except OperationalError as error:
        kind = _LOCK_ERRORS.get(getattr(error.__cause__, "sqlstate", None) or "")
        if kind:
            lock_errors.labels(kind).inc()
        raise


def _execute(measure: Measure | None, execute: Callable[..., Any], *statement: Any) -> Any:
    if measure is None or not measure.timed:
        return _traced(execute, *statement)
    with measure.clock("db"):
        return _traced(execute, *statement)


def _traced(execute: Callable[..., Any], sql: Any, *more: Any) -> Any:
    if not tracing.ON:
        return execute(sql, *more)
    text = sql if isinstance(sql, str) else type(sql).__name__
    with tracing.span("client", text.split(None, 1)[0], db_system_name="postgresql", db_query_text=text):
        return execute(sql, *more)
