"""Migrates and fills an empty shop once its database is up, and announces the shop when it answers."""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psycopg

from config.devstack import ports, process_locks
from config.devstack.data import PROJECT, DataFolder
from config.devstack.exceptions import CannotStart

_TIMEOUT_SECONDS = 120.0
# The staff user that `seed_demo` makes, with the password in DEMO_ADMIN_PASSWORD.
ADMIN = "admin@esteira.example"


def open_shop() -> None:
    """Migrate, load the catalogue and shipping rates on the first start, announce the shop; then wait for a signal.

    Runs as a process of the Procfile: when it ends, everything ends. Raises CannotStart if the shop does not open.
    """
    process_locks.die_with_parent(signal.SIGTERM)
    data = DataFolder.chosen()
    if process_locks.take(data.leases, "bootstrap", wait_seconds=3.0) is None:
        raise CannotStart(f"Another bootstrap is running on {data.root}.")
    _stop_when_make_is_interrupted()
    _wait_until(_database_answers, "The database does not answer. See its output above.")
    _manage("migrate", "--no-input")
    if _is_empty():
        # The rates are loaded last, in one transaction: if they exist, the first start was completed.
        _manage("seed_demo")
        _manage("load_shipping_rates")
    data.opened.touch()
    address = f"http://{ports.HOST}:{os.environ['PORT']}/"
    _wait_until(lambda: _is_served(address), f"The shop does not answer at {address}. See its output above.")
    _announce(address, data)
    signal.pause()


def _announce(address: str, data: DataFolder) -> None:
    in_files = os.environ["EMAIL_URL"].startswith("filemail:")
    mail = f"{address}mail/ (kept in {data.mail})" if in_files else "sent by the server in EMAIL_URL"
    print(
        f"\nEsteira is open: {address}\n"
        f"  Admin: {address}admin/  user {ADMIN}  password {os.environ['DEMO_ADMIN_PASSWORD']}\n"
        f"         or, with the same password, viewer@, support@, finance@, stock@{ADMIN.partition('@')[2]}\n"
        f"  Mail:  {mail}\n"
        "  Ctrl-C stops everything.\n",
        flush=True,
    )


def _manage(*arguments: str) -> None:
    command = [sys.executable, str(PROJECT / "manage.py"), *arguments]
    if subprocess.run(command, cwd=PROJECT, check=False).returncode:  # noqa: S603 (our own command)
        raise CannotStart(f"manage.py {' '.join(arguments)} failed. See its output above.")


def _database_answers() -> bool:
    try:
        psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _is_empty() -> bool:
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        return connection.execute("SELECT 1 FROM shipping_shippingrate LIMIT 1").fetchone() is None


def _is_served(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 (our own http address)
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        raise CannotStart(f"The shop answers {error.code} at {address}. See its output above.") from error
    except OSError:
        return False


def _wait_until(condition: Callable[[], bool], message: str) -> None:
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise CannotStart(message)
        time.sleep(0.1)


def _stop_when_make_is_interrupted() -> None:
    """Stop everything when make alone receives SIGINT.

    Ctrl-C reaches make and us, but `kill -INT` by make's process id reaches only make, which then waits for us forever
    without passing it on. The only sign of it is that make no longer catches the signal.
    """
    make = int(os.environ.get("ESTEIRA_MAKE") or 0)

    def watch() -> None:
        while _catches_interrupt(make):
            time.sleep(0.5)
        os.killpg(os.getpgrp(), signal.SIGTERM)

    if make and _catches_interrupt(make):
        threading.Thread(target=watch, daemon=True).start()


def _catches_interrupt(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (signal.SIGINT - 1) & 1)
