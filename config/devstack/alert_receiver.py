"""Receives Alertmanager's webhooks on a development machine and prints one line per alert."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from config.devstack import ports

# Called for each alert with its receiver (pager, channel) and the alert as Alertmanager sends it.
Listener = Callable[[str, dict[str, Any]], None]


def server(port: int, listener: Listener) -> ThreadingHTTPServer:
    """A server bound to `port` (0: any free one). The caller runs `serve_forever`."""

    class Receive(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            for alert in document["alerts"]:
                listener(document["receiver"], alert)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Silent: the listener prints."""

    return ThreadingHTTPServer((ports.HOST, port), Receive)


def line(receiver: str, alert: dict[str, Any]) -> str:
    """FIRING or RESOLVED, the alert's name and receiver; while it fires, also its summary and runbook."""
    notes = alert["annotations"]
    headline = f"{alert['status'].upper():8} {alert['labels']['alertname']} (to the {receiver})"
    return f"{headline}: {notes['summary']} ({notes['runbook']})" if alert["status"] == "firing" else headline


def run() -> None:
    """Listen on PAGER_PORT and print a line for each alert, until terminated."""
    server(ports.chosen("PAGER_PORT", 9094), lambda receiver, alert: print(line(receiver, alert))).serve_forever()
