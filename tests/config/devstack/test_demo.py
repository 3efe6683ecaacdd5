"""The demo from a user's view: it starts, stops, survives kill -9, and explains what keeps it from starting."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from functools import partial

import psycopg
import pytest
from django.contrib.auth.hashers import check_password

from config.devstack import environment, ports, process_locks, test_stack
from config.devstack.data import PROJECT

OPENING_SECONDS = 120
STOPPING_SECONDS = 30


def clean_environment(data, port):
    """The environment without any of the shop's variables: the demo must not see what these tests run on."""
    ours = (
        "DATABASE_",
        "REDIS_",
        "CELERY_",
        "STRIPE_",
        "MELHOR_ENVIO_",
        "EMAIL_",
        "ESTEIRA_",
        "SECRET_KEY",
        "SITE_URL",
        "PYTEST_",
        "DJANGO_",
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "ESTEIRA_DATA": str(data.root), "PORT": str(port)}


@contextlib.contextmanager
def demo(data, port):
    """A running demo in its own process group; leftovers are reclaimed afterwards."""
    output = data.root / "output"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "config.devstack", "demo"],
            cwd=PROJECT,
            env=clean_environment(data, port),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + OPENING_SECONDS
        while f"\nEsteira is open: http://127.0.0.1:{port}/\n" not in output.read_text():
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.1)
        yield process
    finally:
        process.kill()
        process.wait()
        process_locks.reclaim(data.leases)


def everything_ended(data, seconds=STOPPING_SECONDS):
    names = [path.stem for path in data.leases.glob("*.lease")]
    assert {"postgres", "valkey", "sandbox", "carrier", "web", "worker", "beat", "bootstrap"} == set(names)
    return process_locks.wait_until_free(data.leases, names, seconds=seconds)


def counted_products(data):
    with psycopg.connect(servers_env(data)["DATABASE_URL"]) as connection:
        return connection.execute("SELECT count(*) FROM inventory_product").fetchone()[0]


def the_announced_admin_can_sign_in(data):
    announced = re.search(r"user (?P<email>\S+)  password (?P<password>\S+)\n", (data.root / "output").read_text())
    with psycopg.connect(servers_env(data)["DATABASE_URL"]) as connection:
        password, is_staff = connection.execute(
            "SELECT password, is_staff FROM accounts_user WHERE email = %s", [announced["email"]]
        ).fetchone()
    return is_staff and check_password(announced["password"], password)


def pay(variables):
    """Pays at the sandbox directly, without the shop; its webhooks must still reach the shop."""
    form = {"amount": "1990", "currency": "brl", "payment_method": "pm_card_visa", "confirm": "true"}
    request = urllib.request.Request(
        f"{variables['STRIPE_API_BASE']}/v1/payment_intents",
        urllib.parse.urlencode({**form, "return_url": variables["SITE_URL"]}).encode(),
        {"Authorization": f"Bearer {variables['STRIPE_SECRET_KEY']}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def buys_by_api(port):
    """What an app does, from the catalogue to an order; returns the order as it is read afterwards."""

    def call(method, path, document=None, **headers):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/v1/{path}",
            None if document is None else json.dumps(document).encode(),
            {"Content-Type": "application/json", **headers},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    product = next(product for product in call("GET", "products/")["results"] if product["available"])
    cart = f"carts/{call('POST', 'carts/', {})['id']}"
    call("POST", f"{cart}/lines/", {"sku": product["sku"], "quantity": 1})
    address = {
        "name": "Ana Souza", "street": "Avenida Paulista", "number": "900", "district": "Bela Vista",
        "city": "São Paulo", "state": "SP", "postal_code": "01310200", "country": "BR",
    }  # fmt: skip
    call("PUT", f"{cart}/delivery/", {"email": "ana@example.com", "phone": "11987654321", "address": address})
    option = call("GET", f"{cart}/shipping-options/")["options"][0]
    total = call("PUT", f"{cart}/shipping/", {"code": option["code"]})["total"]
    payment = {"payment_method": "pm_card_visa", "expected_total": total}
    order = call("POST", f"{cart}/checkout/", payment, **{"Idempotency-Key": "demo-1"})
    return call("GET", f"orders/{order['number']}/", **{"Order-Token": order["token"]})


def webhooks_arrive(data, seconds=20):
    """Whether the shop has stored an event, which implies a valid signature."""
    deadline = time.monotonic() + seconds
    with psycopg.connect(servers_env(data)["DATABASE_URL"], autocommit=True) as connection:
        while not connection.execute("SELECT 1 FROM payments_webhookevent LIMIT 1").fetchone():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
    return True


def servers_env(data):
    lines = data.servers_env.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_a_demo_starts_stops_and_recovers_after_kill_9(data):
    port = ports.choose()
    with demo(data, port) as process:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            assert answer.status == 200
        products = counted_products(data)
        assert products >= 1000
        assert the_announced_admin_can_sign_in(data)
        pay(servers_env(data))
        assert webhooks_arrive(data)
        order = buys_by_api(port)
        assert (order["status"], order["payment"]["status"]) == ("paid", "paid")
        with psycopg.connect(servers_env(data)["DATABASE_URL"]) as connection:
            connection.execute(
                "UPDATE inventory_product SET name = 'Renamed' WHERE id = (SELECT min(id) FROM inventory_product)"
            )

        process.kill()
        process.wait()
        assert everything_ended(data)

    with demo(data, port) as process:
        assert counted_products(data) == products
        with psycopg.connect(servers_env(data)["DATABASE_URL"]) as connection:
            assert connection.execute("SELECT count(*) FROM inventory_product WHERE name = 'Renamed'").fetchone() == (
                1,
            )

        process.send_signal(signal.SIGTERM)
        assert process.wait(STOPPING_SECONDS) == 128 + signal.SIGTERM
        assert everything_ended(data, seconds=0)
    assert ports.is_free(port)


def test_a_demo_can_be_stopped_while_it_starts(data):
    process = subprocess.Popen(
        [sys.executable, "-m", "config.devstack", "demo"],
        cwd=PROJECT,
        env=clean_environment(data, ports.choose()),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    while not data.servers_env.exists():
        time.sleep(0.01)
    time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=STOPPING_SECONDS)
    assert process.returncode in (-signal.SIGTERM, 128 + signal.SIGTERM)
    assert b"Traceback" not in output
    assert process_locks.wait_until_free(data.leases, [path.stem for path in data.leases.glob("*.lease")], seconds=0.5)


def refusal(data, port):
    done = subprocess.run(
        [sys.executable, "-m", "config.devstack", "demo"],
        cwd=PROJECT,
        env=clean_environment(data, port),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_port_in_use_is_explained(data):
    with socket.create_server((ports.HOST, 0)) as other:
        port = other.getsockname()[1]
        message = refusal(data, port)
    assert f"Port {port} on 127.0.0.1 is taken by another program." in message
    assert f"make demo PORT={port + 1}" in message


@pytest.mark.parametrize("port", ["eighty", "0", "65536", "-1"])
def test_an_invalid_port_is_explained(data, port):
    assert f"PORT must be a number from 1 to 65535, not '{port}'." in refusal(data, port)


def test_tests_get_their_own_fast_servers(data):
    program = (
        "import os, psycopg, redis, pathlib;"
        "assert psycopg.connect(os.environ['DATABASE_URL']).execute('SHOW fsync').fetchone() == ('off',);"
        "assert redis.Redis.from_url(os.environ['REDIS_URL']).ping();"
        "assert pathlib.Path(os.environ['ESTEIRA_DATA']).name == 'test';"
        "raise SystemExit(7)"
    )
    command = [sys.executable, "-m", "config.devstack", "test-stack", sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=PROJECT, env=clean_environment(data, 1), capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "", "")
    assert process_locks.wait_until_free(data.root / "test" / "run", ["postgres", "valkey"], seconds=0)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_servers_of_the_tests_end_with_them(data, sign):
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    command = [sys.executable, "-m", "config.devstack", "test-stack", *sleep]
    process = subprocess.Popen(
        command, cwd=PROJECT, env=clean_environment(data, 1), stderr=subprocess.DEVNULL,
        # A shell's background jobs ignore Ctrl-C, and so would the children of these tests.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    folder = data.root / "test" / "run"
    deadline = time.monotonic() + 20
    while not (folder.exists() and process_locks.holder(folder, "postgres") and process_locks.holder(folder, "valkey")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(sign)
    process.wait(20)
    assert process_locks.wait_until_free(folder, ["postgres", "valkey"], seconds=10)


def test_a_signal_that_python_swallowed_ends_the_command_too(monkeypatch):
    """An exception raised by a signal handler inside a finalizer is only printed."""
    monkeypatch.setattr(test_stack, "_interrupted", threading.Event())
    with contextlib.suppress(KeyboardInterrupt):
        test_stack._interrupt(signal.SIGTERM, None)
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    assert test_stack._run_to_the_end(command, dict(os.environ)) == 128 + signal.SIGINT


def test_needed_servers_are_all_lines_of_the_procfile():
    lines = (PROJECT / "Procfile").read_text()
    for server in environment.needed_servers({}):
        assert f"\n{server}: " in lines
