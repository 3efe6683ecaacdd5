"""What on-call sees: logs, metrics, health."""

from pathlib import Path

from config.settings.base import DEBUG, DEMO, env
from config.telemetry import logs

# One JSON object a line for machines, or a plain line for a person who reads along.
LOG_FORMAT = env.str("LOG_FORMAT", default="plain" if DEMO or DEBUG else "json")
LOGGING = logs.configuration(as_json=LOG_FORMAT == "json", level=env.str("LOG_LEVEL", default="INFO"))
# /metrics and /health/full open to whoever sends it as `Authorization: Bearer …`. Empty: to nobody.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# Where each process keeps its counts (config.gunicorn), and where other lines of the same machine keep theirs.
METRICS_ALSO_FROM = env.list("METRICS_ALSO_FROM", default=[])
if env.str("PROMETHEUS_MULTIPROC_DIR", default=""):
    Path(env.str("PROMETHEUS_MULTIPROC_DIR")).mkdir(parents=True, exist_ok=True)
# Where a worker that shares no disk with the web server shows its own counts. 0: nowhere.
WORKER_METRICS_PORT = env.int("WORKER_METRICS_PORT", default=0)
# Tell browsers where a request's time went: everybody, or staff alone.
SERVER_TIMING = env.bool("SERVER_TIMING", default=DEMO or DEBUG)
# Where Alertmanager answers, so that the admin's home page can tell what fires. Empty: it does not ask.
ALERTMANAGER_URL = env.str("ALERTMANAGER_URL", default="").rstrip("/")
# What is running, such as a commit: /health/full tells it.
RELEASE = env.str("RELEASE", default="")
