"""One sample of a running demo: its processes, its servers, its tables."""

import urllib.request
from collections import defaultdict
from collections.abc import Mapping

import psutil
import psycopg
import redis
from psycopg import sql

from tests.soak.verdict import AGE, BYTES, CONNECTIONS, DATA_MEMORY, FILES, KEYS, MEMORY, ROWS, Kind, Sample

# A process of the demo, and a word of its command line. The first that fits counts.
PROCESSES = {
    "postgres": "postgres", "valkey": "valkey-server", "sandbox": "payments.sandbox", "carrier": "shipping.sandbox",
    "web": "gunicorn", "beat": "celery -A config beat", "worker": "celery -A config worker",
}  # fmt: skip
# They hold what was sold.
STORES = {"postgres", "valkey", "sandbox"}
AGES = {"outbox": "outbox_oldest_seconds", "inbox": "webhook_oldest_seconds"}


class Meter:
    """Measures the demo whose root process is `process_id`, by the addresses in its servers.env."""

    def __init__(self, process_id: int, addresses: Mapping[str, str]) -> None:
        self._process_id, self._addresses = process_id, addresses
        self.kinds: dict[str, Kind] = {}

    def sample(self, seconds: float) -> Sample:
        values: dict[str, float] = {}

        def note(name: str, kind: Kind, value: float) -> None:
            self.kinds[name] = kind
            values[name] = value

        for name, (megabytes, files) in self._processes().items():
            note(f"memory of {name}", DATA_MEMORY if name in STORES else MEMORY, megabytes)
            note(f"open files of {name}", FILES, files)
        for database, url in {"cache": "REDIS_URL", "broker": "CELERY_BROKER_URL"}.items():
            with redis.Redis.from_url(self._addresses[url]) as client:
                note(f"keys of the {database}", KEYS, client.dbsize())
                facts = client.info()
        note("bytes in Redis", BYTES, facts["used_memory_dataset"] / 1024)
        note("connections to Redis", CONNECTIONS, facts["connected_clients"])
        with psycopg.connect(self._addresses["DATABASE_URL"], autocommit=True) as database:
            asked = database.execute("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
            note("connections to PostgreSQL", CONNECTIONS, _first(asked))
            for table in [row[0] for row in database.execute("SELECT relname FROM pg_stat_user_tables ORDER BY 1")]:
                rows = database.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
                note(f"rows of {table}", ROWS, _first(rows))
                size = database.execute("SELECT pg_total_relation_size(%s::regclass)", [table])
                note(f"bytes of {table}", BYTES, _first(size) / 1024)
            sold = _first(database.execute("SELECT count(*) FROM checkout_order WHERE status = 'paid'"))
        gauges = self._gauges()
        for name, metric in AGES.items():
            note(f"age of the {name}", AGE, gauges[metric])
        return Sample(seconds, int(sold), values)

    def _processes(self) -> dict[str, tuple[float, int]]:
        """Memory in MB (shared pages in parts) and open files of each kind of process."""
        found: dict[str, tuple[float, int]] = defaultdict(lambda: (0.0, 0))
        for process in psutil.Process(self._process_id).children(recursive=True):
            try:
                line = " ".join(process.cmdline())
                name = next((name for name, word in PROCESSES.items() if word in line), None)
                if name and "devstack" not in line:
                    megabytes, files = found[name]
                    found[name] = (megabytes + process.memory_full_info().pss / 2**20, files + process.num_fds())
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
        return {name: found[name] for name in PROCESSES}

    def _gauges(self) -> dict[str, float]:
        token = self._addresses["METRICS_TOKEN"]
        request = urllib.request.Request(
            f"{self._addresses['SITE_URL']}/metrics", headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        names = set(AGES.values())
        return {name: float(value) for name, _, value in (line.partition(" ") for line in lines) if name in names}


def _first(cursor: "psycopg.Cursor[tuple[float]]") -> float:
    row = cursor.fetchone()
    assert row is not None
    return float(row[0])
