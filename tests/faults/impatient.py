"""The shop's Celery application for workers that take over a dead one's tasks after seconds, not minutes.

celery -A tests.faults.impatient worker
"""

from config.celery import app

VISIBILITY_SECONDS = 2

app.conf.broker_transport_options = {
    **app.conf.broker_transport_options,
    "visibility_timeout": VISIBILITY_SECONDS,
}
