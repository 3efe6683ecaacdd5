"""Beat's task, nudged by the pages as well."""

from celery import shared_task

from config.personal_data import data_requests
from config.resilience import task_queue


@shared_task
def deal_with_data_requests() -> None:
    task_queue.begin(deal_with_data_requests)
    data_requests.work_off()
