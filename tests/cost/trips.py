"""Statements to PostgreSQL and trips to Redis of this thread and process, counted from outside of the shop."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from django.db import connection
from redis.connection import AbstractConnection


class Trips:
    """Counts while it is entered. BEGIN and COMMIT are not counted; a pipeline to Redis is one trip."""

    def __init__(self) -> None:
        self._counted: Counter[str] = Counter(statements=0, redis=0)
        self._send = AbstractConnection.send_packed_command

    def __enter__(self) -> "Trips":
        connection.execute_wrappers.append(self._statement)
        AbstractConnection.send_packed_command = self._sending()
        return self

    def __exit__(self, *_: object) -> None:
        AbstractConnection.send_packed_command = self._send
        connection.execute_wrappers.remove(self._statement)

    def so_far(self) -> Counter[str]:
        return Counter(self._counted)

    def _statement(self, execute: Callable[..., Any], *statement: Any) -> Any:
        self._counted["statements"] += 1
        return execute(*statement)

    def _sending(self) -> Callable[..., None]:
        def send(redis: AbstractConnection, command: Any, check_health: bool = True) -> None:
            self._counted["redis"] += 1
            self._send(redis, command, check_health)

        return send
