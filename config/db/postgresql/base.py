"""Connections come out of the pool without a question to the server, unless the server has spoken up meanwhile.

Django's own check sends an empty statement before each request and waits for its answer. A server that is going, or has
gone, hangs up: that can be seen on our side of the connection, in microseconds.
"""

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """As Django's; what the server has hung up on goes back to the pool, which makes a new one of it."""
        while True:
            connection = super().get_new_connection(conn_params)
            if not self.pool or _is_sound(connection):
                return connection
            self.pool.putconn(connection)


def _is_sound(connection: psycopg.Connection[Any]) -> bool:
    try:
        unasked = select.poll()
        unasked.register(connection.fileno(), select.POLLIN)
        if unasked.poll(0):
            ConnectionPool.check_connection(connection)
    except psycopg.Error:
        return False
    return True
