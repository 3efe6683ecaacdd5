"""The demo as a person meets it: it opens, it stops, it survives kill -9, and it says what is in its way."""

import contextlib
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


def surroundings(data, port):
    """The environment of a person who has set nothing: whatever these tests run on is not the demo's business."""
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
    """A demo in a group of its own, open; afterwards whatever is left of it is reclaimed."""
    output = data.root / "output"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "config.devstack", "demo"],
            cwd=PROJECT,
            env=surroundings(data, port),
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
    """A payment at the sandbox, past the shop: its events must find their way to the shop all the same."""
    form = {"amount": "1990", "currency": "brl", "payment_method": "pm_card_visa", "confirm": "true"}
    request = urllib.request.Request(
        f"{variables['STRIPE_API_BASE']}/v1/payment_intents",
        urllib.parse.urlencode({**form, "return_url": variables["SITE_URL"]}).encode(),
        {"Authorization": f"Bearer {variables['STRIPE_SECRET_KEY']}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def webhooks_arrive(data, seconds=20):
    """Whether the shop has taken an event in: it checked the signature then."""
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


def test_a_demo_opens_stops_and_goes_on_after_kill_9(data):
    port = ports.choose()
    with demo(data, port) as process:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            assert answer.status == 200
        products = counted_products(data)
        assert products >= 1000
        assert the_announced_admin_can_sign_in(data)
        pay(servers_env(data))
        assert webhooks_arrive(data)
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


def test_a_demo_that_is_told_to_end_while_it_starts_ends(data):
    process = subprocess.Popen(
        [sys.executable, "-m", "config.devstack", "demo"],
        cwd=PROJECT,
        env=surroundings(data, ports.choose()),
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
        env=surroundings(data, port),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_port_that_is_taken_gets_a_sentence(data):
    with socket.create_server((ports.HOST, 0)) as other:
        port = other.getsockname()[1]
        message = refusal(data, port)
    assert f"Port {port} on 127.0.0.1 is taken by another program." in message
    assert f"make demo PORT={port + 1}" in message


@pytest.mark.parametrize("port", ["eighty", "0", "65536", "-1"])
def test_a_port_that_is_none_gets_a_sentence(data, port):
    assert f"PORT must be a number from 1 to 65535, not '{port}'." in refusal(data, port)


def test_tests_run_beside_fast_servers_of_their_own(data):
    program = (
        "import os, psycopg, redis, pathlib;"
        "assert psycopg.connect(os.environ['DATABASE_URL']).execute('SHOW fsync').fetchone() == ('off',);"
        "assert redis.Redis.from_url(os.environ['REDIS_URL']).ping();"
        "assert pathlib.Path(os.environ['ESTEIRA_DATA']).name == 'test';"
        "raise SystemExit(7)"
    )
    command = [sys.executable, "-m", "config.devstack", "test-stack", sys.executable, "-c", program]
    done = subprocess.run(command, cwd=PROJECT, env=surroundings(data, 1), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (7, "", "")
    assert process_locks.wait_until_free(data.root / "test" / "run", ["postgres", "valkey"], seconds=0)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_servers_of_the_tests_end_with_them(data, sign):
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    command = [sys.executable, "-m", "config.devstack", "test-stack", *sleep]
    process = subprocess.Popen(
        command, cwd=PROJECT, env=surroundings(data, 1), stderr=subprocess.DEVNULL,
        # What a shell begins in the background ignores Ctrl-C, and so would these tests' children.
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


def test_a_signal_that_python_has_dropped_ends_the_command_too(monkeypatch):
    """One that arrives in a finalizer raises nothing that anybody sees."""
    monkeypatch.setattr(test_stack, "_interrupted", threading.Event())
    with contextlib.suppress(KeyboardInterrupt):
        test_stack._interrupt(signal.SIGTERM, None)
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    assert test_stack._run_to_the_end(command, dict(os.environ)) == 128 + signal.SIGINT


def test_needed_servers_are_all_lines_of_the_procfile():
    lines = (PROJECT / "Procfile").read_text()
    for server in environment.needed_servers({}):
        assert f"\n{server}: " in lines
