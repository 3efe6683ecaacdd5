"""What workers do. Each task calls one verb and may run any number of times."""

from celery import shared_task

from checkout import idempotency, inbox, outbox, sweeper
from inventory import services as inventory


@shared_task
def relay_outbox() -> None:
    outbox.relay()


@shared_task
def settle_webhook_events() -> None:
    inbox.settle_waiting_events()


@shared_task
def sweep() -> None:
    sweeper.settle_stale_attempts()
    sweeper.expire_unpaid()
    sweeper.settle_stale_refunds()
    inventory.reclaim_expired()
    idempotency.forget_old_keys()
    sweeper.forget_old_quotes()


@shared_task
def reconcile() -> None:
    sweeper.reconcile()
