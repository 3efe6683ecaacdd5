"""A pager for engineers' machines: Alertmanager's webhooks arrive here, and each alert becomes one line."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from config.devstack import ports

# Told of each alert that arrives: who was to hear of it (pager, channel), and the alert as Alertmanager sends it.
Listener = Callable[[str, dict[str, Any]], None]


def server(port: int, listener: Listener) -> ThreadingHTTPServer:
    """A server that stands on `port` (0: any) and has yet to be run by `serve_forever`."""

    class Receive(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            for alert in document["alerts"]:
                listener(document["receiver"], alert)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """The listener says what there is to say."""

    return ThreadingHTTPServer((ports.HOST, port), Receive)


def line(receiver: str, alert: dict[str, Any]) -> str:
    """What a person reads: FIRING or RESOLVED, the alert, what it says, and the page that helps."""
    notes = alert["annotations"]
    said = f"{alert['status'].upper():8} {alert['labels']['alertname']} (to the {receiver})"
    return f"{said}: {notes['summary']} ({notes['runbook']})" if alert["status"] == "firing" else said


def run() -> None:
    """Print a line for each alert, on the port in PAGER_PORT, until we are told to end."""
    server(ports.chosen("PAGER_PORT", 9094), lambda receiver, alert: print(line(receiver, alert))).serve_forever()
