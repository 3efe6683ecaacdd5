"""Takes connections from the pool without a round trip to the server.

Django's own health check runs an empty statement before each request. But a server that shuts down or dies closes its
connections: that shows as pending input on our end of the socket, in microseconds. Only then is a statement run.
"""

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool

from config.db.postgresql.schema import DatabaseSchemaEditor


class DatabaseWrapper(base.DatabaseWrapper):
    SchemaEditorClass = DatabaseSchemaEditor

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Like Django's, but a connection that the server has closed goes back to the pool, which replaces it."""
        while True:
            connection = super().get_new_connection(conn_params)
            if not self.pool or _is_sound(connection):
                return connection
            self.pool.putconn(connection)


def _is_sound(connection: psycopg.Connection[Any]) -> bool:
    try:
        pending_input = select.poll()
        pending_input.register(connection.fileno(), select.POLLIN)
        if pending_input.poll(0):
            ConnectionPool.check_connection(connection)
    except psycopg.Error:
        return False
    return True
