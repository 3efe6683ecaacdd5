"""The events in SQLite: what happened, and when each is to be delivered."""

import json
import sqlite3
from typing import Any

# When an event is due that is never delivered.
NEVER = 1e18


class EventLog:
    """Events and their delivery, by the sandbox's clock. Methods must run inside the store's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, event: dict[str, Any], due: float) -> None:
        self._connection.execute(
            "INSERT INTO events (id, body, next_at) VALUES (?, ?, ?)", (event["id"], json.dumps(event), due)
        )

    def due(self, moment: float, limit: int, without: set[str]) -> list[tuple[str, str, int]]:
        """Events to deliver now: id, body and number of tries. Excludes `without`: already being delivered."""
        rows = self._connection.execute(
            "SELECT id, body, tries FROM events WHERE delivered_at IS NULL AND next_at <= ?"
            " ORDER BY next_at, rowid LIMIT ?",
            (moment, limit + len(without)),
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
