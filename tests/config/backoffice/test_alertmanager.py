"""Alerts firing in a real Alertmanager, and what is shown when it is slow, down or answers nonsense."""

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from django.test import Client

from config.backoffice.alertmanager import TIMEOUT_SECONDS, firing, forget
from config.devstack import ports
from tests.support.factories.accounts import UserFactory
from tests.support.waiting import eventually

ROUTES = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


@pytest.fixture(autouse=True)
def forget_last_answer() -> Iterator[None]:
    forget()
    yield
    forget()


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[str]:
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    assert program, "`make test` installs it"
    (tmp_path / "routes.yml").write_text(ROUTES)
    port = ports.choose()
    command = [program, f"--config.file={tmp_path}/routes.yml", f"--storage.path={tmp_path}/data"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{url}/-/ready")
        yield url
    finally:
        process.kill()
        process.wait(10)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def post(url: str, document: object) -> None:
    body = json.dumps(document).encode()
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5):
        pass


def test_firing_alerts_are_shown_and_silenced_ones_are_not(alertmanager: str, settings) -> None:
    settings.ALERTMANAGER_URL = alertmanager
    assert firing() == []
    for name, severity in (("CheckoutSlow", "page"), ("TasksBehind", "ticket")):
        labels = {"alertname": name, "severity": severity}
        post(f"{alertmanager}/api/v2/alerts", [{"labels": labels, "annotations": {"summary": f"{name}!"}}])
    matcher = {"name": "alertname", "value": "TasksBehind", "isRegex": False}
    times = {"startsAt": "2026-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z"}
    post(f"{alertmanager}/api/v2/silences", {"matchers": [matcher], **times, "createdBy": "x", "comment": "x"})
    assert firing() == [], "the last answer is cached for a while"
    deadline = time.monotonic() + 10
    while [alert.name for alert in firing() or []] != ["CheckoutSlow"]:
        assert time.monotonic() < deadline
        forget()
    (alert,) = firing() or []
    assert (alert.severity, alert.summary) == ("page", "CheckoutSlow!")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("language", "words"), [("en", "Too many checkouts fail"), ("pt-br", "Muitas finalizações")])
def test_the_home_page_shows_it_in_the_users_language(alertmanager: str, settings, language: str, words: str) -> None:
    settings.ALERTMANAGER_URL = alertmanager
    labels = {"alertname": "CheckoutErrorBudgetBurnsFast", "severity": "page"}
    post(f"{alertmanager}/api/v2/alerts", [{"labels": labels, "annotations": {"summary": "3 % of checkouts fail"}}])
    eventually(lambda: forget() or bool(firing()))
    client = Client(headers={"accept-language": language})
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    assert words in client.get("/admin/").content.decode()


def test_without_an_alertmanager_nothing_fires(settings) -> None:
    settings.ALERTMANAGER_URL = ""
    assert firing() == []


def test_when_it_is_down_the_state_is_unknown(settings) -> None:
    settings.ALERTMANAGER_URL = "http://127.0.0.1:1"
    assert firing() is None


class Trickling(BaseHTTPRequestHandler):
    """Sends a byte now and then, so that no socket timeout fires."""

    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(200):
                self.wfile.write(b" ")
                time.sleep(0.1)
        except OSError:
            return

    def log_message(self, *_args: object) -> None:
        pass


def test_a_trickling_answer_costs_half_a_second_once(settings) -> None:
    Trickling.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Trickling) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        settings.ALERTMANAGER_URL = f"http://127.0.0.1:{server.server_port}"
        began = time.monotonic()
        assert firing() is None
        assert TIMEOUT_SECONDS <= time.monotonic() - began < TIMEOUT_SECONDS + 2
        assert len(Trickling.asked) == 1
        assert firing() is None
        assert len(Trickling.asked) == 1
        server.shutdown()


def test_after_a_malformed_answer_the_state_is_unknown(settings) -> None:
    class Odd(Trickling):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"status": "fine"}')

    with ThreadingHTTPServer(("127.0.0.1", 0), Odd) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        settings.ALERTMANAGER_URL = f"http://127.0.0.1:{server.server_port}"
        assert firing() is None
        server.shutdown()
