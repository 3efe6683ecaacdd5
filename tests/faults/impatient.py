"""The shop's Celery application with a visibility timeout of seconds: a dead worker's tasks are redelivered quickly.

celery -A tests.faults.impatient worker
"""

from config.celery import app

VISIBILITY_SECONDS = 2

app.conf.broker_transport_options = {
    **app.conf.broker_transport_options,
    "visibility_timeout": VISIBILITY_SECONDS,
}
