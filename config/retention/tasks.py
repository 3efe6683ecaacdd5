"""Beat's task."""

from celery import shared_task

from config.retention.rounds import run_round


@shared_task
def keep_retention() -> None:
    run_round()
