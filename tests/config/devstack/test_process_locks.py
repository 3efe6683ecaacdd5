"""Process leases: held while any process of the group lives, free once the last one is gone."""

import signal
import subprocess
import sys

import pytest

from config.devstack import process_locks

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def hold(data, name, program="import time; print('up', flush=True); time.sleep(60)", *, start_new_session=True):
    """A process in its own group that holds the lease `name`."""
    become = [sys.executable, "-m", "config.devstack", "become", name, sys.executable, "-c", program]
    process = subprocess.Popen(
        become,
        env={"ESTEIRA_DATA": str(data.root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=start_new_session,
        text=True,
    )
    process.first_line = process.stdout.readline()
    return process


def end(process):
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_lease_has_one_holder_and_is_free_afterwards(data):
    process = hold(data, "web")
    try:
        assert process_locks.holder(data.leases, "web") == process.pid
        assert process_locks.take(data.leases, "web", wait_seconds=0) is None
        second = hold(data, "web")
        assert second.wait(10) == 1
        assert "Another web is running" in second.first_line + second.stdout.read()
        second.stdout.close()
    finally:
        end(process)
    assert process_locks.holder(data.leases, "web") is None


def test_a_child_keeps_the_lease_of_its_killed_parent(data):
    forks = "import os, time; os.fork() or time.sleep(60); print('up', flush=True); time.sleep(60)"
    parent = hold(data, "worker", forks)
    parent.kill()
    parent.wait()
    assert process_locks.holder(data.leases, "worker") == parent.pid
    process_locks.reclaim(data.leases)
    assert process_locks.holder(data.leases, "worker") is None
    parent.stdout.close()


def test_a_holder_that_ignores_sigterm_is_killed(data):
    process = hold(data, "web", STUBBORN)
    process_locks.reclaim(data.leases, grace_seconds=0.3)
    assert process.wait(5) == -signal.SIGKILL
    process.stdout.close()


def test_a_free_lease_with_a_stale_pid_signals_no_process(data):
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        (data.leases / "web.lease").write_text(f"{bystander.pid}\n")
        process_locks.reclaim(data.leases)
        with pytest.raises(subprocess.TimeoutExpired):
            bystander.wait(0.5)
    finally:
        bystander.kill()
        bystander.wait()


def test_a_process_waits_until_bootstrap_has_finished(data):
    become = [sys.executable, "-m", "config.devstack", "become", "--when-open", "web", sys.executable, "-c", ""]
    process = subprocess.Popen(become, env={"ESTEIRA_DATA": str(data.root)})
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.5)
    data.opened.touch()
    assert process.wait(10) == 0
