"""Celery tasks. Each calls one service and is safe to repeat."""

from celery import shared_task

from checkout import label_news, labels, outbox, receipts, reconciliation, settle_webhooks, sweeper
from config.resilience import task_queue
from payments.provider import in_background


@shared_task
@in_background()
def relay_outbox() -> None:
    task_queue.begin(relay_outbox)
    outbox.relay()


@shared_task
def make_receipts() -> None:
    task_queue.begin(make_receipts)
    receipts.make_wanted()


@shared_task
@in_background()
def settle_webhook_events() -> None:
    settle_webhooks.settle_waiting_events()


@shared_task
@in_background()
def sweep() -> None:
    sweeper.settle_stale_attempts()
    sweeper.settle_stale_refunds()
    sweeper.tidy()


@shared_task
@in_background()
def reconcile() -> None:
    reconciliation.reconcile()


@shared_task
def finish_labels() -> None:
    labels.finish_due()


@shared_task
def follow_labels() -> None:
    label_news.follow_due()
