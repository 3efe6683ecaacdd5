"""The interactive API page renders in a real browser without violating the content security policy."""

import subprocess
from pathlib import Path

import pytest
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from tests.support import chromium


@pytest.mark.django_db(transaction=True)
def test_the_page_renders_without_console_errors(live_server: LiveServer, tmp_path: Path) -> None:
    browser = chromium.find()
    assert browser, "There is no Chromium; `make test` installs it."
    drawn = subprocess.run(
        [
            browser, "--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
            f"--user-data-dir={tmp_path}", "--enable-logging=stderr", "--virtual-time-budget=20000", "--dump-dom",
            f"{live_server.url}/api/v1/docs/",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )  # fmt: skip
    assert 'class="opblock opblock-post"' in drawn.stdout
    assert "/api/v1/carts/{id}/checkout/" in drawn.stdout.replace("<wbr>", "").replace("\u200b", "")
    complaints = [line for line in drawn.stderr.splitlines() if ":CONSOLE" in line]
    assert complaints == []


@pytest.mark.django_db
def test_inline_styles_are_allowed_only_there() -> None:
    inline = "style-src 'self' 'unsafe-inline'"
    assert inline in Client().get("/api/v1/docs/").headers["Content-Security-Policy"]
    for path in ("/api/v1/products/", "/"):
        assert inline not in Client().get(path).headers["Content-Security-Policy"]
    assert "unsafe-inline" not in _directive(Client().get("/api/v1/docs/").headers["Content-Security-Policy"], "script")


def _directive(policy: str, name: str) -> str:
    return next(part for part in policy.split("; ") if part.startswith(f"{name}-src"))
