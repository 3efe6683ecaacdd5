"""Tasks, watched from outside: how long they run and how they end, when they were sent, whose ids their lines carry."""

import time
from contextlib import AbstractContextManager
from typing import Any

from celery import Task, signals

from config import logs
from config.metrics import celery_tasks

SENT_AT, REQUEST = "sent_at", "shop_request"
_under_way: dict[str, tuple[float, AbstractContextManager[None]]] = {}


@signals.before_task_publish.connect(dispatch_uid="config.tasks_watch.stamp")
def stamp(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """Write on a message when it was sent and for which request; both travel to the worker."""
    if headers is not None:
        headers[SENT_AT] = time.time()
        headers[REQUEST] = logs.current("request")


@signals.task_prerun.connect(dispatch_uid="config.tasks_watch.begin")
def begin(task: Task[Any, Any], task_id: str, **_: Any) -> None:
    stretch = logs.about(task=task_id, request=task.request.get(REQUEST))
    stretch.__enter__()
    _under_way[task_id] = (time.perf_counter(), stretch)


@signals.task_postrun.connect(dispatch_uid="config.tasks_watch.end")
def end(task: Task[Any, Any], task_id: str, state: str | None = None, **_: Any) -> None:
    if task_id not in _under_way:
        return
    began, stretch = _under_way.pop(task_id)
    outcome = "ok" if state == "SUCCESS" else "failed"
    celery_tasks.labels(task.name, outcome).observe(time.perf_counter() - began)
    stretch.__exit__(None, None, None)


@signals.setup_logging.connect(dispatch_uid="config.tasks_watch.keep_logging")
def keep_logging(**_: Any) -> None:
    """Celery leaves logging as the settings have it, where something is connected here."""
