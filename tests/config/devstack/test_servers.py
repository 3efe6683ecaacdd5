"""PostgreSQL and Valkey in the data folder: they start, stop, restart, and keep their data."""

import os
import signal
import time
from pathlib import Path

import psycopg
import pytest
import redis

from config.devstack import process_locks
from config.devstack.exceptions import CannotStart
from config.devstack.postgres import Postgres
from config.devstack.valkey import Valkey


def write(postgres, text):
    with psycopg.connect(postgres.url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (text text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [text])


def read(postgres):
    with psycopg.connect(postgres.url) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM kept ORDER BY text")]


def client(valkey):
    return redis.Redis.from_url(valkey.url(0), decode_responses=True)


def test_postgres_keeps_its_data_over_a_stop_and_over_kill_9(data):
    postgres = Postgres(data)
    with postgres.running():
        write(postgres, "before the stop")
    with postgres.running() as process:
        write(postgres, "before the kill")
        process.kill()
        process.wait()
    with postgres.running():
        assert read(postgres) == ["before the kill", "before the stop"]


def test_postgres_starts_although_its_old_pid_was_reused(data):
    """Postgres alone would take the process for its former self: PIDs are reused, in containers quickly."""
    postgres = Postgres(data)
    with postgres.running():
        pass
    stale = f"{os.getppid()}\n{postgres.cluster}\n{int(time.time())}\n{data.port('postgres')}\n\n127.0.0.1\n"
    (postgres.cluster / "postmaster.pid").write_text(stale)
    with postgres.running():
        write(postgres, "here")


def test_postgres_replaces_a_half_initialised_cluster(data):
    draft = data.root / "postgres.new"
    draft.mkdir()
    (draft / "PG_VERSION").write_text("18\n")
    with Postgres(data).running():
        assert not draft.exists()


def test_postgres_requires_the_password(data):
    postgres = Postgres(data, durable=False)
    with postgres.running(), pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.url.replace(data.secret("postgres"), "guess"))


def test_postgres_does_not_run_as_root(data):
    with Postgres(data, durable=False).running() as process:
        assert Path(f"/proc/{process.pid}").stat().st_uid != 0


def test_only_a_durable_postgres_waits_for_the_disk(data):
    postgres = Postgres(data)
    with postgres.running(), psycopg.connect(postgres.url) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
    hasty = Postgres(data, durable=False)
    with hasty.running(), psycopg.connect(hasty.url) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("off",)


def test_valkey_keeps_its_data_over_a_stop_and_over_kill_9(data):
    valkey = Valkey(data)
    with valkey.running():
        client(valkey).set("stop", "before")
    with valkey.running() as process:
        client(valkey).set("kill", "before")
        process.kill()
        process.wait()
    with valkey.running():
        assert client(valkey).mget("stop", "kill") == ["before", "before"]


def test_valkey_requires_the_password(data):
    valkey = Valkey(data)
    with valkey.running(), pytest.raises(redis.exceptions.AuthenticationError):
        redis.Redis(port=data.port("valkey")).ping()


@pytest.mark.parametrize("server", [Postgres, Valkey])
def test_two_servers_never_share_a_folder(data, server):
    with server(data).running(), pytest.raises(CannotStart, match=f"Another {server.name} is running"):
        server(data).start()


@pytest.mark.parametrize("server", [Postgres, Valkey])
def test_an_orphaned_server_is_reclaimed(data, server):
    process = server(data).start()
    assert process_locks.holder(data.leases, server.name) == process.pid
    process_locks.reclaim(data.leases)
    assert process.wait(1) is not None
    with server(data).running():
        pass


def test_a_server_that_cannot_start_says_so(data):
    with Postgres(data).running():
        pass
    (Postgres(data).cluster / "postgresql.conf").write_text("no such setting")
    with pytest.raises(CannotStart, match="postgres ended at once"):
        Postgres(data).start()
    assert process_locks.holder(data.leases, "postgres") is None


def test_a_server_dies_with_its_killed_parent(data):
    """No one is left to stop it: the kernel signals it (PR_SET_PDEATHSIG)."""
    child = os.fork()
    if child == 0:
        try:
            Valkey(data).start()
            signal.pause()
        finally:
            os._exit(1)
    while not Valkey(data).answers():
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert process_locks.wait_until_free(data.leases, ["valkey"], seconds=10)
