"""The Celery application: workers and beat load it as `config`."""

import os
from typing import Any

from celery import Celery, Task, signals
from django.db import close_old_connections

from config.redis.unacked import leave_to_lost_broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("esteira")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
leave_to_lost_broker()


@signals.task_postrun.connect(dispatch_uid="config.celery.give_connections_back")
def give_connections_back(task: Task[Any, Any], **_: Any) -> None:
    """After a task, as after a request: return its connections to the pool, and close those that have failed."""
    if not task.request.is_eager:
        close_old_connections()
