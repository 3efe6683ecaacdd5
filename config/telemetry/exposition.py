"""What /metrics shows: the counts of all processes added up, and the gauges that are read at this moment.

Each process writes its counts to files in PROMETHEUS_MULTIPROC_DIR (see `config.gunicorn`); without that variable
only the process that answers is shown. METRICS_ALSO_FROM names further such folders: a worker's on the same machine.
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
    """The counts of every process that writes to one of `folders`."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = list(folders)

    def collect(self) -> Iterator[Metric]:
        for left in reversed(range(TRIES)):
            files = [str(file) for folder in self._folders for file in folder.glob("*.db")]
            try:
                return iter(MultiProcessCollector.merge(files))  # type: ignore[no-untyped-call]
            except FileNotFoundError:
                # A process has ended, or a worker was started anew, between the list and the reading.
                if not left:
                    raise
        return iter(())


def exposition(*, gauges: bool = True) -> bytes:
    """Everything that there is to scrape, as text. `gauges` reads database, Redis and broker too."""
    registry = CollectorRegistry()
    folders = _folders()
    if folders:
        registry.register(AllProcesses(folders))
    if gauges:
        registry.register(ScrapedGauges())
    return generate_latest(registry) + (b"" if folders else generate_latest(REGISTRY))


def counted(name: str) -> dict[tuple[str, ...], float]:
    """What a counter stands at in all processes of this machine, by its labels' values in the order of their names."""
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
    return [Path(own), *(Path(also) for also in settings.METRICS_ALSO_FROM)] if own else []


def may_look(authorization: str) -> bool:
    """Whether a request with this `Authorization` header may see the shop's insides."""
    expected = f"Bearer {settings.METRICS_TOKEN}"
    return bool(settings.METRICS_TOKEN) and constant_time_compare(authorization, expected)


def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus. Nobody else is told that there is anything."""
    if not may_look(request.headers.get("Authorization", "")):
        raise Http404
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)
