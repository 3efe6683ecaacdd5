"""Tasks, watched from outside: how long they run and how they end, when they were sent, whose ids their lines carry."""

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
    """A task under way: `stretch` is what is open round it."""

    began: float
    stretch: ExitStack
    span: "Span | None"


_under_way: dict[str, _Run] = {}


@signals.before_task_publish.connect(dispatch_uid="config.tasks_watch.stamp")
def stamp(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """Write on a message when it was sent, for which request and in which trace; all travel to the worker."""
    if headers is not None:
        headers[SENT_AT] = time.time()
        headers[REQUEST] = logs.current("request")
        headers[TRACE] = tracing.headers()


@signals.task_prerun.connect(dispatch_uid="config.tasks_watch.begin")
def begin(task: Task[Any, Any], task_id: str, **_: Any) -> None:
    stretch = ExitStack()
    stretch.enter_context(logs.about(request=task.request.get(REQUEST), task=task_id))
    span = stretch.enter_context(tracing.span("consumer", task.name, parent=task.request.get(TRACE) or {}))
    _under_way[task_id] = _Run(time.perf_counter(), stretch, span)


@signals.task_postrun.connect(dispatch_uid="config.tasks_watch.end")
def end(task: Task[Any, Any], task_id: str, state: str | None = None, **_: Any) -> None:
    if task_id not in _under_way:
        return
    run = _under_way.pop(task_id)
    outcome = "ok" if state == "SUCCESS" else "failed"
    celery_tasks.labels(task.name, outcome).observe(time.perf_counter() - run.began)
    if outcome == "failed":
        tracing.fail(run.span, state or "unknown")
    run.stretch.close()


@signals.setup_logging.connect(dispatch_uid="config.tasks_watch.keep_logging")
def keep_logging(**_: Any) -> None:
    """Celery leaves logging as the settings have it, where something is connected here."""
