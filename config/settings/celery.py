"""Celery: its broker, task delivery, and beat's schedule."""

import sys

from config.redis import sentinel
from config.settings.base import env
from config.settings.redis import REDIS_SENTINELS, REDIS_TIMEOUT_SECONDS, REDIS_URL

# Celery's format for Sentinel, also in the variable: sentinel://:password@host:port/1;sentinel://…
_broker = sentinel.broker_url(REDIS_URL, REDIS_SENTINELS) if REDIS_SENTINELS else REDIS_URL
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default=_broker)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A worker that has lost its broker retries forever.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    # By default kombu restores lost messages only about every 100 s.
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    "socket_timeout": 0.5,
    "socket_connect_timeout": 0.5,
    # Publishing tries once, so that a request never waits for the broker. Workers reconnect by other settings.
    "max_retries": 0,
}
if REDIS_SENTINELS:
    CELERY_BROKER_TRANSPORT_OPTIONS |= sentinel.broker_options(REDIS_URL, REDIS_TIMEOUT_SECONDS)
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
# A message in any other format is refused unread: a worker that reads pickles runs what anyone puts into the broker.
CELERY_ACCEPT_CONTENT = CELERY_RESULT_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = CELERY_EVENT_SERIALIZER = "json"
CELERY_TASK_PUBLISH_RETRY = False
# No limit: otherwise Celery closes the whole pool before and after each task (its issue 10554). `config.celery` returns
# a task's connections to the pool.
CELERY_DB_REUSE_MAX = sys.maxsize
CELERY_BEAT_SCHEDULE = {
    "relay-outbox": {"task": "checkout.tasks.relay_outbox", "schedule": 10.0},
    "make-receipts": {"task": "checkout.tasks.make_receipts", "schedule": 10.0},
    "settle-webhook-events": {"task": "checkout.tasks.settle_webhook_events", "schedule": 5.0},
    "sweep": {"task": "checkout.tasks.sweep", "schedule": 30.0},
    "finish-labels": {"task": "checkout.tasks.finish_labels", "schedule": 30.0},
    "follow-labels": {"task": "checkout.tasks.follow_labels", "schedule": 10.0},
    "reconcile": {"task": "checkout.tasks.reconcile", "schedule": 300.0},
    "data-requests": {"task": "config.personal_data.tasks.deal_with_data_requests", "schedule": 60.0},
    "keep-retention": {"task": "config.retention.tasks.keep_retention", "schedule": 600.0},
}
CELERY_TIMEZONE = "UTC"
