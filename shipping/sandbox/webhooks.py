"""The webhooks of the stand-in carrier: signed, in the background, repeated until the shop answers 2xx.

In memory: what is waiting when it stops is lost, as its labels are.
"""

import base64
import hashlib
import hmac
import json
import logging
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from shipping.sandbox.faults import Faults

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.05
TIMEOUT_SECONDS = 10
LONGEST_PAUSE_SECONDS = 30.0
# What an event tells of its label.
TOLD = (
    "id", "protocol", "status", "tracking", "self_tracking", "tags", "created_at", "paid_at", "generated_at",
    "posted_at", "delivered_at", "canceled_at",
)  # fmt: skip


class WebhookSender:
    """`also` is called at each round: what happens by itself."""

    def __init__(self, faults: Faults, *, url: str, secret: str, also: Callable[[], None]) -> None:
        self.url, self.secret = url, secret
        self._faults, self._also = faults, also
        self._waiting: list[tuple[float, int, str]] = []
        self._log: list[dict[str, Any]] = []
        self._lock, self._stopping = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhook_sender", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=2)

    def reset(self) -> None:
        with self._lock:
            self._waiting, self._log = [], []

    def add(self, label: dict[str, Any]) -> None:
        """An event about a label that has changed."""
        state = "cancelled" if label["status"] == "canceled" else label["status"]
        name = "order.created" if state == "pending" else f"order.{state}"
        event = {"event": name, "data": {field: label[field] for field in TOLD if field in label}}
        body = json.dumps(event)
        with self._lock:
            self._log.append({**event, "body": body, "signature": sign(body, self.secret)})
        if not self.url or self._faults.hit(lambda fault: fault.concerns("webhooks_lost", name)):
            return
        copies = 2 if self._faults.hit(lambda fault: fault.concerns("webhooks_doubled", name)) else 1
        late = self._faults.hit(lambda fault: fault.concerns("webhooks_late", name))
        due = time.monotonic() + (late.seconds if late else 0.0)
        with self._lock:
            self._waiting += [(due, 0, body)] * copies

    def events(self) -> list[dict[str, Any]]:
        """All events, oldest first, each with its body and signature."""
        with self._lock:
            return list(self._log)

    def _run(self) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            try:
                self._also()
                self._deliver_due()
            except Exception:
                logger.exception("A round of the stand-in carrier failed; continuing.")

    def _deliver_due(self) -> None:
        if self._faults.on("webhooks_held"):
            return
        with self._lock:
            due = [one for one in self._waiting if one[0] <= time.monotonic()]
            self._waiting = [one for one in self._waiting if one not in due]
        for _moment, tries, body in due:
            if not self._post(body):
                again = time.monotonic() + min(0.2 * 2**tries, LONGEST_PAUSE_SECONDS)
                with self._lock:
                    self._waiting.append((again, tries + 1, body))

    def _post(self, body: str) -> bool:
        headers = {"Content-Type": "application/json", "X-ME-Signature": sign(body, self.secret)}
        request = urllib.request.Request(  # noqa: S310  (the operator sets the URL)
            self.url, data=body.encode(), headers=headers, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
                return 200 <= int(response.status) < 300
        except (OSError, urllib.error.URLError) as error:
            logger.info("The shop did not accept the webhook: %s", error)
            return False


def sign(body: str, secret: str) -> str:
    """The `X-ME-Signature` header of a body."""
    return base64.b64encode(hmac.new(secret.encode(), body.encode(), hashlib.sha256).digest()).decode()
