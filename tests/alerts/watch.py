"""Prometheus and Alertmanager, started on a shop; notifications to Alertmanager's webhooks are recorded."""

import contextlib
import json
import shutil
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from config.devstack import alert_receiver, monitor, ports
from tests.alerts import windows
from tests.support.ending import end


class Watch:
    """Running servers. `notifications` holds what the webhooks received, in order."""

    def __init__(self, folder: Path, shop: str, token: str) -> None:
        self.notifications: list[dict[str, Any]] = []
        self._news = threading.Condition()
        self._stack = contextlib.ExitStack()
        self._pager = alert_receiver.server(0, self._hear)
        self._at = monitor.Addresses(ports.choose(), ports.choose(), int(self._pager.server_address[1]))
        self._lay_down(folder, shop, token)
        self._start(folder)

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """The samples that Prometheus returns now, with `metric` and `value`. Raises HTTPError on a syntax error."""
        query = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"{self._prometheus}/api/v1/query?{query}", timeout=10) as answer:
            samples: list[dict[str, Any]] = json.load(answer)["data"]["result"]
            return samples

    def wait_until_fires(self, alert: str, seconds: float) -> None:
        """Waits until a webhook has received `alert` as firing."""
        self._wait(lambda: "firing" in self._statuses(alert), f"{alert} does not fire", seconds)

    def wait_until_clear(self, alert: str, seconds: float) -> None:
        """Waits until a webhook has received every `alert` that fired as resolved."""
        self._wait(lambda: set(self._statuses(alert)) == {"resolved"}, f"{alert} does not clear", seconds)

    def forget(self) -> None:
        with self._news:
            self.notifications.clear()

    def stop(self) -> None:
        self._stack.close()

    @property
    def _prometheus(self) -> str:
        return f"http://127.0.0.1:{self._at.prometheus}"

    def _hear(self, receiver: str, alert: dict[str, Any]) -> None:
        with self._news:
            self.notifications.append({**alert, "receiver": receiver})
            self._news.notify_all()

    def _statuses(self, alert: str) -> list[str]:
        """The last notified status for each set of its labels."""
        latest = {sent["fingerprint"]: sent for sent in self.notifications if sent["labels"]["alertname"] == alert}
        return [sent["status"] for sent in latest.values()]

    def _wait(self, met: Any, complaint: str, seconds: float) -> None:
        with self._news:
            assert self._news.wait_for(met, seconds), f"{complaint}: {self._pending()}"

    def _pending(self) -> Any:
        with urllib.request.urlopen(f"{self._prometheus}/api/v1/alerts", timeout=10) as answer:
            return [(alert["labels"], alert["state"]) for alert in json.load(answer)["data"]["alerts"]]

    def _lay_down(self, folder: Path, shop: str, token: str) -> None:
        rules = folder / "alerts.yml"
        rules.write_text(windows.hurried_rules())
        monitor.write_configuration(folder, shop, token, self._at, rules=rules)
        for name, hurried in (
            ("prometheus.yml", windows.hurried_prometheus),
            ("alertmanager.yml", windows.hurried_routes),
        ):
            configuration = yaml.safe_load((folder / name).read_text())
            (folder / name).write_text(yaml.safe_dump(hurried(configuration)))

    def _start(self, folder: Path) -> None:
        threading.Thread(target=self._pager.serve_forever, args=(0.05,), daemon=True).start()
        self._stack.callback(self._pager.server_close)
        self._stack.callback(self._pager.shutdown)
        alone = ["--storage.path=alertmanager", "--cluster.listen-address="]
        for name, program, more in (
            ("prometheus", "prometheus", ["--storage.tsdb.path=prometheus"]),
            ("alertmanager", monitor.alertmanager_program(), alone),
        ):
            assert shutil.which(program), f"There is no {program}; `make test` installs it."
            log = self._stack.enter_context((folder / f"{name}.log").open("wb"))
            address = f"--web.listen-address=127.0.0.1:{getattr(self._at, name)}"
            process = subprocess.Popen(
                [program, f"--config.file={name}.yml", address, *more],
                cwd=folder, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
            self._stack.callback(end, process)
        self._wait_until_scraped()

    def _wait_until_scraped(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError):
                if any(sample["value"][1] == "1" for sample in self.ask('up{job="esteira"}')):
                    return
            assert time.monotonic() < deadline, "Prometheus does not scrape the shop."
            time.sleep(0.1)


@contextlib.contextmanager
def watching(folder: Path, shop: str, token: str) -> Iterator[Watch]:
    folder.mkdir()
    watch = Watch(folder, shop, token)
    try:
        yield watch
    finally:
        watch.stop()
