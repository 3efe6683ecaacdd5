"""Measuring real processes and real files of counters."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.load.measure import PeakMemory, busy_seconds, counts, cpu_seconds, fixed_loop, fixed_loop_ms

BURN = "import time\nuntil = time.process_time() + 0.5\nwhile time.process_time() < until: pass"
COUNT = """
from prometheus_client import Counter, Histogram
statements = Histogram("http_request_statements", "", ["view"], buckets=(0, 5))
cache = Counter("cache_requests_total", "", ["name", "result"])
stages = Histogram("checkout_duration_seconds", "", ["stage", "outcome"], buckets=(1,))
for view, number in [("product", 0), ("product", 0), ("checkout", 21), ("payments:stripe", 9)]:
    statements.labels(view).observe(number)
cache.labels("product", "hit").inc(8)
cache.labels("availability", "miss").inc(2)
stages.labels("authorize", "ok").observe(0.25)
stages.labels("authorize", "error").observe(0.5)
"""


def test_counters_of_all_processes_are_added_up(tmp_path: Path) -> None:
    for _process in range(2):
        environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
        subprocess.run([sys.executable, "-c", COUNT], env=environment, check=True)
    found = counts(tmp_path)
    assert (found["requests"], found["statements"], found["requests without statements"]) == (6, 42, 4)
    assert (found["requests of checkout"], found["statements of checkout"]) == (2, 42)
    assert (found["cache hit"], found["cache miss"], found["cache miss of availability"]) == (16, 4, 4)
    assert found["stage authorize"] == pytest.approx(1.5)
    assert not found["requests of payments:stripe"]


def test_work_of_ended_children_counts() -> None:
    ours, machine = cpu_seconds(os.getpid()), busy_seconds()
    process = subprocess.Popen([sys.executable, "-c", BURN])
    child = psutil.Process(process.pid)
    process.wait(30)
    assert not child.is_running()
    assert cpu_seconds(os.getpid()) - ours >= 0.4
    assert busy_seconds() - machine >= 0.4
    assert cpu_seconds(process.pid) == 0


def test_the_peak_of_memory_is_kept() -> None:
    script = "import sys\nkept = bytearray(80 * 2**20)\nprint(flush=True)\nsys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with PeakMemory([process.pid]) as memory:
            pass
        process.communicate()
    assert 80 <= memory.megabytes < 160


def test_the_fixed_loop_does_the_same_each_time() -> None:
    assert fixed_loop() == fixed_loop()
    assert 1 < fixed_loop_ms() < 10_000
