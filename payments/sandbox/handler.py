"""The application and the request handler shared by the pages, the controls and the API."""

import json
import logging
import socket
from typing import Any
from urllib.parse import parse_qs

from config.standin.server import RequestHandler, StandIn
from payments.sandbox.api import Api
from payments.sandbox.context import Context
from payments.sandbox.faults import Faults
from payments.sandbox.store import Store
from payments.sandbox.webhooks import WebhookSender
from payments.sandbox.wire import ApiError

logger = logging.getLogger(__name__)


class Application(StandIn):
    name = "sandbox provider"

    def __init__(self, store: Store, api: Api, faults: Faults, webhook_sender: WebhookSender) -> None:
        super().__init__()
        self.store, self.api, self.faults, self.webhook_sender = store, api, faults, webhook_sender
        self.connections: set[socket.socket] = set()

    def cut_connections(self, *, but: socket.socket) -> None:
        for connection in list(self.connections):
            if connection is not but:
                drop(connection)


class Handler(RequestHandler[Application]):
    """One connection, kept alive between requests."""

    protocol_version = "HTTP/1.1"
    server_version = "EsteiraSandbox"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 120
    too_large = {"error": {"type": "invalid_request_error", "message": "The request is too large."}}

    # The body of the current request, set by `answer`.
    body = ""

    def setup(self) -> None:
        super().setup()
        self.application.connections.add(self.connection)

    def finish(self) -> None:
        self.application.connections.discard(self.connection)
        super().finish()

    @property
    def public_url(self) -> str:
        return f"http://{self.headers.get('Host', 'localhost')}"

    @property
    def context(self) -> Context:
        return Context(self.application.store, self.application.faults, self.public_url)

    def form(self) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(self.body).items()}

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises ApiError if it is not one."""
        try:
            document = json.loads(self.body or "{}")
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise ApiError(400, "invalid_request_error", "The body must be a JSON object.")
        return document

    def send(self, status: int, body: bytes, content_type: str, headers: dict[str, str] | None = None) -> None:
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(headers or {})}
        super().send(status, body, content_type, headers)


def drop(connection: socket.socket) -> None:
    """Close a connection without a response."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        logger.debug("The connection was already closed.")
