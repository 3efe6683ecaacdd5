"""The events in SQLite: what happened, and when each is to be delivered."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

# When an event is due that is never delivered.
NEVER = 1e18
_CREATED = "json_extract(body, '$.created')"
_TYPE = "json_extract(body, '$.type')"


class EventLog:
    """Events and their delivery, by the sandbox's clock. Methods must run inside the store's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, events: Iterable[dict[str, Any]], due: float) -> None:
        self._connection.executemany(
            "INSERT INTO events (id, body, next_at) VALUES (?, ?, ?)",
            ((event["id"], json.dumps(event), due) for event in events),
        )

    def get(self, event_id: str) -> dict[str, Any] | None:
        row = self._connection.execute("SELECT body, delivered_at FROM events WHERE id = ?", (event_id,)).fetchone()
        return _listed(*row) if row else None

    def page(
        self,
        *,
        limit: int,
        created: tuple[int, int],
        types: list[str],
        delivered: bool | None = None,
        after: str | None = None,
        before: str | None = None,
    ) -> tuple[list[dict[str, Any]], bool]:
        """Events, newest first, and whether there are more. `types`: patterns, any if empty.

        Raises LookupError if there is no event with the id `after` or `before`.
        """
        beyond, order = (">", "ASC") if before else ("<", "DESC")
        cursor = after or before
        conditions = [f"{_CREATED} BETWEEN ? AND ?"]
        values: list[Any] = list(created)
        if types:
            conditions.append(f"({' OR '.join([f'{_TYPE} GLOB ?'] * len(types))})")
            values += types
        if delivered is not None:
            conditions.append(f"delivered_at IS {'NOT ' if delivered else ''}NULL")
        if cursor:
            conditions.append(f"({_CREATED}, rowid) {beyond} (?, ?)")
            values += self._place(cursor)
        rows = self._connection.execute(
            f"SELECT body, delivered_at FROM events WHERE {' AND '.join(conditions)}"  # noqa: S608  (fixed texts)
            f" ORDER BY {_CREATED} {order}, rowid {order} LIMIT ?",
            [*values, limit + 1],
        ).fetchall()
        events = [_listed(*row) for row in rows[:limit]]
        return events[::-1] if before else events, len(rows) > limit

    def _place(self, event_id: str) -> tuple[int, int]:
        row = self._connection.execute(
            f"SELECT {_CREATED}, rowid FROM events WHERE id = ?",  # noqa: S608  (fixed text)
            (event_id,),
        ).fetchone()
        if row is None:
            raise LookupError(event_id)
        return row[0], row[1]

    def last_due(self) -> float:
        """When the event made last that waits for its delivery is due; 0 if none waits."""
        row = self._connection.execute(
            "SELECT next_at FROM events WHERE delivered_at IS NULL AND next_at < ? ORDER BY rowid DESC LIMIT 1",
            (NEVER,),
        ).fetchone()
        return float(row[0]) if row else 0.0

    def due(self, moment: float, limit: int, without: set[str], held: Sequence[str] = ()) -> list[tuple[str, str, int]]:
        """Events to deliver now: id, body and number of tries.

        Excludes `without`, which are being delivered already, and `held`, patterns of types.
        """
        rows = self._connection.execute(
            "SELECT id, body, tries FROM events WHERE delivered_at IS NULL AND next_at <= ?"  # noqa: S608  (fixed text)
            f"{f' AND NOT {_TYPE} GLOB ?' * len(held)} ORDER BY next_at, rowid LIMIT ?",
            (moment, *held, limit + len(without)),
        ).fetchall()
        return [(row[0], row[1], row[2]) for row in rows if row[0] not in without][:limit]

    def mark_delivered(self, event_id: str, moment: float) -> None:
        self._connection.execute(
            "UPDATE events SET delivered_at = ?, tries = tries + 1 WHERE id = ?", (moment, event_id)
        )

    def postpone(self, event_id: str, until: float) -> None:
        self._connection.execute("UPDATE events SET tries = tries + 1, next_at = ? WHERE id = ?", (until, event_id))

    def redeliver(self, event_id: str, moment: float) -> bool:
        """Deliver it again, also if it is late or lost; returns whether there is such an event."""
        updated = self._connection.execute(
            "UPDATE events SET delivered_at = NULL, next_at = ? WHERE id = ?", (moment, event_id)
        )
        return updated.rowcount > 0

    def listing(self) -> list[dict[str, Any]]:
        """All events, oldest first, with their delivery."""
        rows = self._connection.execute("SELECT body, tries, delivered_at, next_at FROM events ORDER BY rowid")
        return [
            {**json.loads(body), "tries": tries, "delivered": bool(at), "lost": not at and due >= NEVER}
            for body, tries, at, due in rows
        ]


def _listed(body: str, delivered_at: float | None) -> dict[str, Any]:
    """The event as the API returns it."""
    return {**json.loads(body), "pending_webhooks": 0 if delivered_at else 1}
