"""Instruments Celery tasks: duration and outcome, time of sending, and the ids of their log lines."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from celery import Task, signals

from config.telemetry import logs, tracing
from config.telemetry.metrics import celery_tasks

if TYPE_CHECKING:
    from opentelemetry.trace import Span

SENT_AT, REQUEST, TRACE = "sent_at", "shop_request", "shop_trace"


@dataclass
class _Run:
    """A running task. `context` holds its log ids and its span until it ends."""

    began: float
    context: ExitStack
    span: "Span | None"


_running: dict[str, _Run] = {}


@signals.before_task_publish.connect(dispatch_uid="config.tasks_watch.stamp")
def stamp(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """Add the time of sending, the request's id and the trace to the message's headers, for the worker."""
    if headers is not None:
        headers[SENT_AT] = time.time()
        headers[REQUEST] = logs.current("request")
        headers[TRACE] = tracing.headers()


@signals.task_prerun.connect(dispatch_uid="config.tasks_watch.begin")
def begin(task: Task[Any, Any], task_id: str, **_: Any) -> None:
    context = ExitStack()
    context.enter_context(logs.about(request=task.request.get(REQUEST), task=task_id))
    span = context.enter_context(tracing.span("consumer", task.name, parent=task.request.get(TRACE) or {}))
    _running[task_id] = _Run(time.perf_counter(), context, span)


@signals.task_postrun.connect(dispatch_uid="config.tasks_watch.end")
def end(task: Task[Any, Any], task_id: str, state: str | None = None, **_: Any) -> None:
    if task_id not in _running:
        return
    run = _running.pop(task_id)
    outcome = "ok" if state == "SUCCESS" else "failed"
    celery_tasks.labels(task.name, outcome).observe(time.perf_counter() - run.began)
    if outcome == "failed":
        tracing.fail(run.span, state or "unknown")
    run.context.close()


@signals.setup_logging.connect(dispatch_uid="config.tasks_watch.keep_logging")
def keep_logging(**_: Any) -> None:
    """Celery leaves logging to the settings if this signal has a receiver."""
