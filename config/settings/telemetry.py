"""Logs, metrics, health and alerts."""

from pathlib import Path

from config.settings.base import DEBUG, DEMO, env
from config.telemetry import logs

# "json": one JSON object per line. "plain": lines for people.
LOG_FORMAT = env.str("LOG_FORMAT", default="plain" if DEMO or DEBUG else "json")
LOGGING = logs.configuration(as_json=LOG_FORMAT == "json", level=env.str("LOG_LEVEL", default="INFO"))
# /metrics and /health/full require it as `Authorization: Bearer …`. Empty: no token is accepted.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# Metrics folders of other processes on this machine, shown along with our own (config.telemetry.exposition).
METRICS_ALSO_FROM = env.list("METRICS_ALSO_FROM", default=[])
if env.str("PROMETHEUS_MULTIPROC_DIR", default=""):
    Path(env.str("PROMETHEUS_MULTIPROC_DIR")).mkdir(parents=True, exist_ok=True)
# The port for the metrics of a worker that shares no disk with the web server. 0: none.
WORKER_METRICS_PORT = env.int("WORKER_METRICS_PORT", default=0)
# Send `Server-Timing` to everyone, or only to staff.
SERVER_TIMING = env.bool("SERVER_TIMING", default=DEMO or DEBUG)
# Alertmanager, for the firing alerts on the admin's home page. Empty: they are not shown.
ALERTMANAGER_URL = env.str("ALERTMANAGER_URL", default="").rstrip("/")
# The running release, such as a commit; shown by /health/full.
RELEASE = env.str("RELEASE", default="")
