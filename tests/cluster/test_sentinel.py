"""The Redis master dies: cache, locks, breakers and broker cope without it, then find the new one."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import valkeys
from tests.cluster.valkeys import Valkeys
from tests.support.image import REPOSITORY, environment
from tests.support.waiting import eventually

# A process of the shop that reads one action per line and prints its result and duration.
PROGRAM = """
import json, sys, time, django
django.setup()
from django.core.cache import cache
from config.resilience.breakers import breaker
from config.resilience.task_queue import enqueue
from config.resilience.gauges import queue
from config.db.locks import redis_lock
from checkout.tasks import sweep
def lock():
    with redis_lock("checkout:x", 10) as owned, redis_lock("checkout:x", 10) as again:
        return [owned, again]
def trip():
    breaker("stripe")._circuit.open()
ORDER_ACTIONS = {
    "write": lambda: cache.set("key", "kept", 600), "read": lambda: cache.get("key"), "lock": lock, "trip": trip,
    "state": lambda: breaker("stripe").state, "enqueue": lambda: enqueue(sweep),
    "queue": lambda: [family.samples[0].value for family in queue()][:1],
}
for line in sys.stdin:
    began = time.monotonic()
    answer = ORDER_ACTIONS[line.strip()]()
    print(json.dumps([answer, time.monotonic() - began]), flush=True)
"""


class Process:
    """The program above, running."""

    def __init__(self, variables: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", PROGRAM],
            cwd=REPOSITORY, env=variables, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.longest = 0.0

    def ask(self, verb: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{verb}\n")
        self._process.stdin.flush()
        answer, seconds = json.loads(self._process.stdout.readline())
        self.longest = max(self.longest, seconds)
        return answer

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Valkeys]:
    with valkeys.running(tmp_path, "between-these-servers-alone") as running:
        yield running


@pytest.fixture
def process(servers: Valkeys, db: None) -> Iterator[Process]:
    variables = environment(**servers.variables, DJANGO_SETTINGS_MODULE="config.settings", LOG_LEVEL="CRITICAL")
    started = Process(variables)
    yield started
    started.end()


def test_what_uses_redis_follows_the_sentinels(servers: Valkeys, process: Process) -> None:
    process.ask("trip")
    process.ask("write")
    assert (process.ask("read"), process.ask("lock"), process.ask("state")) == ("kept", [True, False], "open")
    assert process.ask("enqueue") is True
    assert process.ask("queue") == [1]
    was, process.longest = servers.master, 0.0
    servers.kill_master()
    # There is no master: what is optional is skipped.
    assert (process.ask("read"), process.ask("lock"), process.ask("state")) == (None, [True, True], "open")
    eventually(servers.has_master, 30)
    assert servers.master is not was
    eventually(lambda: process.ask("lock") == [True, False], 10)
    assert process.ask("read") == "kept"
    assert process.ask("state") == "open"
    # The broker is in cooldown for some seconds after the failure; the message it had is still there.
    eventually(lambda: process.ask("enqueue"), 15)
    assert process.ask("queue") == [2]
    # No action took much longer than the timeouts, whatever state the servers were in.
    assert process.longest < 3
