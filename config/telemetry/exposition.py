"""/metrics: the counters of all processes added up, and the gauges that are read at scrape time.

Each process writes its counters to files in PROMETHEUS_MULTIPROC_DIR (see `config.gunicorn`); without that variable
only the process that answers is shown. METRICS_ALSO_FROM adds further such folders: a worker's on the same machine.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from config.telemetry.metrics import ScrapedGauges

TRIES = 3


class AllProcesses:
    """The metrics of every process that writes to one of `folders`."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = list(folders)

    def collect(self) -> Iterator[Metric]:
        for attempts_left in reversed(range(TRIES)):
            files = [str(file) for folder in self._folders for file in folder.glob("*.db")]
            try:
                return iter(MultiProcessCollector.merge(files))  # type: ignore[no-untyped-call]
            except FileNotFoundError:
                # A process has ended, or a worker has restarted, between listing and reading.
                if not attempts_left:
                    raise
        return iter(())


def exposition(*, gauges: bool = True) -> bytes:
    """All metrics as text. `gauges` includes those read from database, Redis and broker."""
    registry = CollectorRegistry()
    folders = _folders()
    if folders:
        registry.register(AllProcesses(folders))
    if gauges:
        registry.register(ScrapedGauges())
    return generate_latest(registry) + (b"" if folders else generate_latest(REGISTRY))


def counted(name: str) -> dict[tuple[str, ...], float]:
    """A counter's value over all processes of this machine, by its label values in the order of the label names."""
    folders = _folders()
    families = AllProcesses(folders).collect() if folders else REGISTRY.collect()
    return {
        tuple(sample.labels[label] for label in sorted(sample.labels)): sample.value
        for family in families
        for sample in family.samples
        if sample.name == name
    }


def _folders() -> list[Path]:
    own = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return [Path(own), *map(Path, settings.METRICS_ALSO_FROM)] if own else []


def is_authorized(authorization: str) -> bool:
    """Whether this `Authorization` header has the token for metrics and health."""
    expected = f"Bearer {settings.METRICS_TOKEN}"
    return bool(settings.METRICS_TOKEN) and constant_time_compare(authorization, expected)


def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus; anyone else gets a 404."""
    if not is_authorized(request.headers.get("Authorization", "")):
        raise Http404
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)
