"""What a purchase leaves in the logs, and what must never be there."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis
from django.conf import settings
from django.http import HttpResponse
from django.utils.log import log_response

from checkout.models import Order, OutboxMessage
from config.telemetry import logs
from shipping import tax_ids
from tests.support import processes
from tests.support.ending import end
from tests.support.factories.cart import flat_shipping
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import DECLINED, VISA, eventually
from tests.support.sandbox import Sandbox
from tests.support.traffic import ADDRESS, buy, call
from tests.support.web import running


def _broker() -> str:
    """The URL of a broker database that no other worker reads."""
    address = urlsplit(settings.CELERY_BROKER_URL)
    return urlunsplit(address._replace(path="/11"))


@pytest.mark.django_db(transaction=True)
def test_nothing_personal_and_no_secret_is_logged(tmp_path: Path, sandbox: Sandbox) -> None:
    ProductFactory(sku="MUG", stock=9)
    flat_shipping()
    with redis.Redis.from_url(_broker()) as broker:
        broker.flushdb()
    variables = {"LOG_FORMAT": "json", "ACCESS_LOG": "1", "CELERY_BROKER_URL": _broker(), "LOG_LEVEL": "INFO"}
    with running(tmp_path, sandbox, **variables) as web:
        url = f"http://127.0.0.1:{web.port}"
        document = buy(url, "MUG")[-1].document
        assert document["status"] == "paid", document
        refused = buy(url, "MUG", DECLINED)
        assert refused[-1].status == 402
        number, token = document["number"], document["token"]
        cart = refused[0].document["id"]
        # Django logs a warning for a 404, with its path.
        for path in (f"carts/{cart}x/", f"carts/{cart}/nothing/", f"carts/{cart}/?order-token={token}", "50%25s/%25d/"):
            call("GET", f"{url}/api/v1/{path}")
        web.get(f"/orders/{number}/?token={token}")
        call("GET", f"{url}/api/v1/orders/{number}/", **{"Order-Token": token})
        worker, worker_log = _worker(tmp_path, sandbox, variables), tmp_path / "worker.log"
        try:
            eventually(lambda: "relay_outbox" in _read(worker_log, " succeeded in "), seconds=40)
        finally:
            end(worker)
        assert not OutboxMessage.objects.unsent().exists()
        # On exit the worker prints a plain line of its own.
        text = web.log + worker_log.read_text().split("\nworker: ")[0]

    order = Order.objects.select_related("cart").get(number=number)
    secrets = [
        order.email, order.phone, order.tax_id, tax_ids.display(order.tax_id), ADDRESS["name"], ADDRESS["street"],
        "Paulista", "Ana ", "01310200", "01310-200", token, order.cart.token, cart, VISA, DECLINED,
        sandbox.secret_key, sandbox.webhook_secret,
    ]  # fmt: skip
    assert all(secrets)
    assert [secret for secret in secrets if secret in text] == []
    lines = [json.loads(line) for line in text.splitlines() if line]
    _assert_ids(lines, order)
    assert {line["status"] for line in lines if line["logger"] == "gunicorn.access"} >= {201, 402, 404}
    assert "GET /api/v1/50%s/%d/ 404" in {line["message"].rpartition(" ms")[0].rpartition(" ")[0] for line in lines}
    # Someone may have guessed an address; a declined card is everyday work.
    by_django = {line["message"].split(":")[0]: line["level"] for line in lines if line["logger"] == "django.request"}
    assert by_django.items() >= {"Payment Required": "info", "Not Found": "warning"}.items()


def _worker(folder: Path, sandbox: Sandbox, variables: dict[str, str]) -> "subprocess.Popen[bytes]":
    environment = {**processes.environment(sandbox, 1), **variables, "EMAIL_URL": "dummymail://"}
    with (folder / "worker.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "celery", "--quiet", "-A", "config", "worker", "--concurrency", "1"],
            cwd=processes.REPOSITORY, env=environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


def _read(log: Path, word: str) -> str:
    """The lines with `word` in them."""
    return "".join(line for line in log.read_text().splitlines() if word in line)


def _assert_ids(lines: list[dict[str, Any]], order: Order) -> None:
    """The request id of the payment appears in the worker's log, and the order's line names cart and attempt."""
    settled = next(line for line in lines if line.get("order") == order.number and line["logger"] == "checkout.settle")
    assert settled["cart"] == str(order.cart_id)
    assert settled["attempt"] == str(order.payment.attempts.get().pk)
    requests = [line for line in lines if line["logger"] == "gunicorn.access" and line["status"] == 201]
    assert settled["request"] in {line["request"] for line in requests}
    nudged = [line for line in lines if "task" in line]
    assert settled["request"] in {line.get("request") for line in nudged}


@pytest.mark.parametrize(
    ("status", "level"),
    [(402, "INFO"), (409, "INFO"), (422, "INFO"), (400, "WARNING"), (404, "WARNING"), (500, "ERROR"), (503, "ERROR")],
)
def test_expected_refusals_are_no_warnings(status: int, level: str, caplog: pytest.LogCaptureFixture) -> None:
    log_response("%s: %s", "What", "/where/", response=HttpResponse(status=status), request=None)
    assert [record.levelname for record in caplog.records] == [level]


def test_a_log_of_warnings_only_has_no_expected_refusals(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING", "django.request"):
        log_response("%s: %s", "What", "/where/", response=HttpResponse(status=402), request=None)
        log_response("%s: %s", "What", "/where/", response=HttpResponse(status=404), request=None)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


HARMLESS = (
    "Order 7Q2K9XW0AB is paid, attempt 6c1f0b9e-2f0e-4d57-9a53-0c1f2f0e4d57 is approved",
    "Task checkout.tasks.sweep[6c1f0b9e-2f0e-4d57-9a53-0c1f2f0e4d57] succeeded in 0.01234567890123456s: None",
    "2026-11-23 19:10:07,123 INFO Listening at: http://127.0.0.1:8000 (4242)",
    "The provider took money that no attempt asked for: pi_3PabcDEF0123456789abcdef",
    "/api/v1/products/ 200 12.3 ms",
)
HARMFUL = (
    ("mail to ana.souza+x@example.com.br failed", "ana.souza"),
    ("Not Found: /api/v1/carts/AbCdEfGhIjKlMnOpQrStUvWxYz0123456789_-AbCdE/", "AbCdEfGh"),
    ("/account/password/MQ/cq7k2m-0123456789abcdef0123456789abcdef/", "cq7k2m"),
    ("No such PaymentMethod: pm_1PxYzAbC", "pm_1P"),
    ("Invalid API Key provided: sk_live_abc123", "sk_live"),
    ("pi_3Pabc_secret_def", "secret"),
    ("CEP 01310-200 is unknown", "01310-200"),
    ("GET /ws/01310200/json/", "01310200"),
    ("call +55 11 98765-4321 or 11987654321", "8765"),
    ("call (11) 98765-4321", "8765"),
    ("card 4242 4242 4242 4242", "4242"),
    ("card 4242424242424242 declined", "4242"),
    ("recipient 529.982.247-25", "529"),
    ("recipient 52998224725 refused", "529"),
    ("CNPJ 12.ABC.345/01DE-35", "ABC"),
    ("CNPJ 12ABC34501DE35", "ABC"),
    ("CNPJ 11.222.333/0001-81", "222"),
    ("DETAIL:  Failing row contains (1, Ana Souza, Avenida Paulista).", "Ana"),
    ("Authorization: Token 0123456789abcdef0123456789abcdef01234567", "0123456789abcdef"),
    ("redis://:secret-word@cache:6379/0 is away", "secret-word"),
    ("/orders/7Q2K9XW0AB/?token=x", "token"),
)


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_is_kept(text: str) -> None:
    assert logs.redacted(text) == text


@pytest.mark.parametrize(("text", "secret"), HARMFUL)
def test_secrets_and_personal_data_are_removed(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in logs.redacted(text)


@pytest.mark.parametrize("text", ["/cart/50%s/ %d", "call (11) 98765-4321"])
def test_what_says_that_it_is_redacted_is_taken_as_it_is_and_nothing_else(text: str) -> None:
    facts = {"path": logs.Redacted(text)}
    record = logging.getLogger("shop").makeRecord(
        "shop", logging.INFO, __file__, 1, facts["path"], (), None, extra=facts
    )
    line = json.loads(logs.Json().format(record))
    assert (line["message"], line["path"]) == (text, text)
    record.msg, record.path = text, text
    line = json.loads(logs.Json().format(record))
    assert (line["message"], line["path"]) == (logs.redacted(text), logs.redacted(text))


def test_a_message_with_arguments_is_redacted_whole() -> None:
    record = logging.LogRecord(
        "shop", logging.INFO, __file__, 1, logs.Redacted("mail to %s"), ("ana@example.com",), None
    )
    assert json.loads(logs.Json().format(record))["message"] == "mail to […]"


def test_exception_texts_are_filtered_too() -> None:
    try:
        raise ValueError("ana@example.com")
    except ValueError:
        record = logging.LogRecord("shop", logging.ERROR, __file__, 1, "It broke", None, sys.exc_info())
    for formatter in (logs.Json(), logs.Plain()):
        line = formatter.format(record)
        assert "ValueError" in line
        assert "ana@" not in line
    assert json.loads(logs.Json().format(record))["message"] == "It broke"


def test_ids_are_scoped_to_a_block() -> None:
    with logs.about(request="r1"):
        with logs.about(order="o1"):
            logs.remember(cart=7)
            assert (logs.current("request"), logs.current("order"), logs.current("cart")) == ("r1", "o1", "7")
        assert (logs.current("order"), logs.current("cart")) == (None, None)
    logs.remember(order="nobody's")
    assert logs.current("order") is None
