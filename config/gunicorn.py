"""gunicorn's configuration: `gunicorn --config python:config.gunicorn config.wsgi`.

Each process writes its metrics to files of its own in PROMETHEUS_MULTIPROC_DIR, so that a scrape sees all of them,
whichever process answers. The folder is emptied at boot: counts of an earlier run would stay forever. This must run
before anything imports prometheus_client, which reads the variable only at import.
"""

import gc
import os
import shutil
import tempfile
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger

from config.telemetry import logs


def _empty_folder() -> Path:
    given = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not given:
        return Path(tempfile.mkdtemp(prefix="metrics-"))
    folder = Path(given)
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.db"):
        file.unlink(missing_ok=True)
    return folder


class AccessLog(Logger):  # type: ignore[misc]  # gunicorn has no types
    """One line per request, without query string, IP address and user agent: those are personal data or secrets."""

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        if not self.cfg.accesslog:
            return
        # Redacted here once, and not again by the formatter, in the message and as a fact.
        method, path = logs.redacted(environ.get("REQUEST_METHOD", "")), logs.redacted(environ.get("PATH_INFO", ""))
        status, milliseconds = int(resp.status_code), round(request_time.total_seconds() * 1000, 1)
        facts = {
            "method": method,
            "path": path,
            "status": status,
            "milliseconds": milliseconds,
            "bytes": getattr(resp, "sent", 0),
        }
        line = logs.Redacted(f"{method} {path} {status} {milliseconds:.1f} ms")
        with logs.about(request=next((value for name, value in resp.headers if name.lower() == "x-request-id"), None)):
            self.access_log.info(line, extra=facts)


# Python's are 700, 10, 10. A request leaves some 60 objects in cycles; to look for them less often costs no memory to
# speak of.
GC_THRESHOLDS = (5_000, 20, 50)

_folder = _empty_folder()
_temporary = not os.environ.get("PROMETHEUS_MULTIPROC_DIR")
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_folder)
_demo = os.environ.get("ESTEIRA_DEMO", "").lower() in ("1", "true", "yes", "on")
_as_json = os.environ.get("LOG_FORMAT", "plain" if _demo else "json") == "json"

worker_class = "config.web.worker.Worker"
# Files go the way of all answers, within its time limit.
sendfile = False
control_socket_disable = True
logger_class = AccessLog
# Off in the demo, to keep its terminal readable; ACCESS_LOG=1 switches it on.
accesslog = "-" if os.environ.get("ACCESS_LOG", "0" if _demo else "1") == "1" else None
logconfig_dict = logs.configuration(as_json=_as_json, level=os.environ.get("LOG_LEVEL", "INFO"))


def post_worker_init(worker: Any) -> None:
    """What is loaded by now stays: the collector need not walk through all of it again, for a tenth of a second."""
    from django.conf import settings

    import_module(settings.ROOT_URLCONF)  # with all views; Django would do so at the first request
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def child_exit(server: Any, worker: Any) -> None:
    """Keep the worker's counters, drop its gauges."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    if _temporary:
        shutil.rmtree(_folder, ignore_errors=True)
