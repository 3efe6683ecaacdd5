"""The sandbox's state: documents, idempotency keys and events, in SQLite, so that it survives kill -9.

One connection under one lock: each request runs in one transaction and is answered after the commit.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from payments.sandbox.event_log import EventLog

Document = dict[str, Any]

EVER = (0, 2**53)
# How long the answer to an idempotency key is kept.
KEPT_SECONDS = 86_400
# The parent of documents that another application on the same account made.
FOREIGN = "another_application"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, created INTEGER NOT NULL,
    parent TEXT, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS documents_listed ON documents (kind, created, seq);
DROP INDEX IF EXISTS documents_of_parent;
CREATE INDEX IF NOT EXISTS documents_by_parent ON documents (parent, kind, created, seq);
CREATE INDEX IF NOT EXISTS documents_expiring ON documents
    (json_extract(body, '$.next_action.pix_display_qr_code.expires_at')) WHERE kind = 'payment_intent';
DROP TABLE IF EXISTS answers;
CREATE TABLE IF NOT EXISTS kept_answers (
    key TEXT PRIMARY KEY, created INTEGER NOT NULL, fingerprint TEXT NOT NULL, status INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS kept_answers_old ON kept_answers (created);
CREATE TABLE IF NOT EXISTS events (
    id TEXT PRIMARY KEY, body TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0, next_at REAL NOT NULL, delivered_at REAL
);
CREATE INDEX IF NOT EXISTS events_due ON events (next_at) WHERE delivered_at IS NULL;
CREATE INDEX IF NOT EXISTS events_listed ON events (json_extract(body, '$.created'));
CREATE TABLE IF NOT EXISTS schedule (
    id INTEGER PRIMARY KEY, due REAL NOT NULL, what TEXT NOT NULL, subject TEXT NOT NULL, argument TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS schedule_due ON schedule (due);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Store:
    """The state, kept in `directory`. Methods must run inside `transaction()`."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(
            directory / "sandbox.sqlite3", check_same_thread=False, isolation_level=None, timeout=10
        )
        self._connection.execute("PRAGMA journal_mode=WAL")
        # Safe when the process is killed; only a power cut may lose commits.
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(_SCHEMA)
        self._lock = threading.RLock()
        self.event_log = EventLog(self._connection)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """An exclusive transaction, rolled back on any exception."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Within a transaction: what is done here is undone at the end."""
        self._connection.execute("SAVEPOINT undone")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK TO undone")
            self._connection.execute("RELEASE undone")

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    # --- Time ---

    def now(self) -> int:
        """The sandbox's clock in seconds, including its offset."""
        return int(self.moment())

    def moment(self) -> float:
        """The same, not rounded."""
        return time.time() + float(self.fact("clock_offset", "0"))

    def schedule(self, what: str, subject: str, argument: str, due: float) -> None:
        self._connection.execute(
            "INSERT INTO schedule (due, what, subject, argument) VALUES (?, ?, ?, ?)", (due, what, subject, argument)
        )

    def take_due(self, moment: float, *, but: str = "") -> list[tuple[str, str, str]]:
        """What is due at `moment`, as (what, subject, argument), taken off the schedule; all but one kind."""
        values = (moment, but)
        rows = self._connection.execute(
            "SELECT what, subject, argument FROM schedule WHERE due <= ? AND what <> ? ORDER BY due, id", values
        ).fetchall()
        if rows:
            self._connection.execute("DELETE FROM schedule WHERE due <= ? AND what <> ?", values)
        return rows

    def unschedule(self, what: str, subject: str) -> None:
        self._connection.execute("DELETE FROM schedule WHERE what = ? AND subject = ?", (what, subject))

    def fact(self, name: str, default: str) -> str:
        row = self._connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else default

    def remember(self, name: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    # --- Documents ---

    def add(self, kind: str, document: Document, *, parent: str | None = None) -> Document:
        self._connection.execute(
            "INSERT INTO documents (id, kind, created, parent, body) VALUES (?, ?, ?, ?, ?)",
            (document["id"], kind, document["created"], parent, json.dumps(document)),
        )
        return document

    def save(self, document: Document) -> Document:
        self._connection.execute("UPDATE documents SET body = ? WHERE id = ?", (json.dumps(document), document["id"]))
        return document

    def get(self, kind: str, identifier: str) -> Document | None:
        row = self._connection.execute(
            "SELECT body FROM documents WHERE id = ? AND kind = ?", (identifier, kind)
        ).fetchone()
        return json.loads(row[0]) if row else None

    def add_many(self, kind: str, documents: Iterable[Document], *, parent: str | None = None) -> None:
        self._connection.executemany(
            "INSERT INTO documents (id, kind, created, parent, body) VALUES (?, ?, ?, ?, ?)",
            ((document["id"], kind, document["created"], parent, json.dumps(document)) for document in documents),
        )

    def page(
        self,
        kind: str,
        *,
        limit: int,
        created: tuple[int, int] = EVER,
        parent: str | None = None,
        after: str | None = None,
        before: str | None = None,
    ) -> tuple[list[Document], bool]:
        """Documents, newest first, and whether there are more. At most one of `after` and `before`, both ids.

        Raises LookupError if there is no document with such an id.
        """
        beyond, order = (">", "ASC") if before else ("<", "DESC")
        cursor = after or before
        values = {"kind": kind, "low": created[0], "high": created[1], "parent": parent, "limit": limit + 1}
        values |= self._place(cursor) if cursor else {}
        rows = self._connection.execute(
            "SELECT body FROM documents WHERE kind = :kind AND created BETWEEN :low AND :high"  # noqa: S608  (fixed)
            f"{' AND parent = :parent' if parent else ''}"
            f"{f' AND (created, seq) {beyond} (:place, :seq)' if cursor else ''}"
            f" ORDER BY created {order}, seq {order} LIMIT :limit",
            values,
        ).fetchall()
        documents = [json.loads(row[0]) for row in rows[:limit]]
        return documents[::-1] if before else documents, len(rows) > limit

    def _place(self, identifier: str) -> dict[str, int]:
        row = self._connection.execute("SELECT created, seq FROM documents WHERE id = ?", (identifier,)).fetchone()
        if row is None:
            raise LookupError(identifier)
        return {"place": row[0], "seq": row[1]}

    def children(self, kind: str, parent: str) -> list[Document]:
        """All documents of this kind that belong to `parent`, oldest first."""
        rows = self._connection.execute(
            "SELECT body FROM documents WHERE parent = ? AND kind = ? ORDER BY created, seq", (parent, kind)
        )
        return [json.loads(row[0]) for row in rows]

    def own(self, kind: str) -> Iterator[Document]:
        """All documents of this kind, without those that were made in bulk for another application."""
        rows = self._connection.execute(
            "SELECT body FROM documents WHERE kind = ? AND parent IS NOT ? ORDER BY seq", (kind, FOREIGN)
        )
        return (json.loads(row[0]) for row in rows)

    def foreign(self) -> tuple[int, int]:
        """The number of another application's intents, and what they captured."""
        row = self._connection.execute(
            "SELECT count(*), coalesce(sum(json_extract(body, '$.amount_received')), 0)"
            " FROM documents WHERE parent = ? AND kind = 'payment_intent'",
            (FOREIGN,),
        ).fetchone()
        return row[0], row[1]

    def intents_due(self, now: int) -> list[Document]:
        """Intents whose Pix charge has expired unpaid."""
        rows = self._connection.execute(
            "SELECT body FROM documents WHERE kind = 'payment_intent'"
            " AND json_extract(body, '$.status') = 'requires_action'"
            " AND json_extract(body, '$.next_action.pix_display_qr_code.expires_at') <= ?",
            (now,),
        )
        return [json.loads(row[0]) for row in rows]

    # --- Idempotency ---

    def answer_of(self, key: str) -> tuple[str, int, Document] | None:
        """Fingerprint, status and body of the first answer for `key`, unless it is older than a day."""
        row = self._connection.execute(
            "SELECT fingerprint, status, body FROM kept_answers WHERE key = ? AND created > ?",
            (key, self.now() - KEPT_SECONDS),
        ).fetchone()
        return (row[0], row[1], json.loads(row[2])) if row else None

    def keep_answer(self, key: str, fingerprint: str, status: int, body: Document) -> None:
        """Keep an answer, and forget those that are older than a day."""
        now = self.now()
        self._connection.execute("DELETE FROM kept_answers WHERE created <= ?", (now - KEPT_SECONDS,))
        self._connection.execute(
            "INSERT INTO kept_answers (key, created, fingerprint, status, body) VALUES (?, ?, ?, ?, ?)",
            (key, now, fingerprint, status, json.dumps(body)),
        )

    def forget_everything(self) -> None:
        for table in ("documents", "kept_answers", "events", "schedule", "facts"):
            self._connection.execute(f"DELETE FROM {table}")  # noqa: S608  (names from the line above)
