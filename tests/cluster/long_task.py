"""The shop's Celery application with a task that takes as long as a test wants.

celery -A tests.cluster.long_task worker
"""

from pathlib import Path

from config.celery import app
from tests.support.waiting import eventually

# A message that nobody acknowledges is delivered again after so long.
VISIBILITY_SECONDS = 5
# How long the task waits at most.
PATIENCE_SECONDS = 120

app.conf.broker_transport_options = {
    **app.conf.broker_transport_options,
    "visibility_timeout": VISIBILITY_SECONDS,
}


@app.task(name="tests.cluster.long_task.run")
def run(folder: str, name: str) -> None:
    """Note the beginning, wait for the file `end`, note the end: a line of the file `name` each."""
    with (Path(folder) / name).open("a") as log:
        print("begun", file=log, flush=True)
        eventually((Path(folder) / "end").exists, PATIENCE_SECONDS)
        print("done", file=log, flush=True)
