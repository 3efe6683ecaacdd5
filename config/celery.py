"""The Celery application: workers and beat load it as `config`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("esteira")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
