"""Delivery of events: signed, in the background, retried until the shop answers 2xx."""

import hashlib
import hmac
import json
import logging
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from payments.sandbox import later
from payments.sandbox.context import Context
from payments.sandbox.faults import Faults
from payments.sandbox.store import Store

logger = logging.getLogger(__name__)

WORKERS = 4
TIMEOUT_SECONDS = 10
MAX_BACKOFF_SECONDS = 60.0
POLL_SECONDS = 0.1


class WebhookSender:
    """Delivers stored events, each after the commit of its transaction; survives restarts."""

    def __init__(self, store: Store, faults: Faults, *, url: str, secret: str) -> None:
        self.url, self.secret = url, secret
        self._store, self._faults = store, faults
        self._in_flight: set[str] = set()
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="webhook")
        self._thread = threading.Thread(target=self._run, name="webhook_sender", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=2)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            try:
                self._poll()
            except Exception:
                logger.exception("Webhook delivery failed; continuing.")

    def _poll(self) -> None:
        with self._store.transaction():
            later.happen(Context(self._store, self._faults))
            if not self.url:
                return
            # No types means all.
            held = [type_ for fault in self._faults.active("webhooks_held") for type_ in fault.types or ["*"]]
            moment = self._store.moment()
            due = self._store.event_log.due(moment, WORKERS * 4, set(self._in_flight), held)
        for event_id, body, tries in due:
            self._in_flight.add(event_id)
            self._pool.submit(self._deliver, event_id, body, tries)

    def _deliver(self, event_id: str, body: str, tries: int) -> None:
        try:
            type_ = str(json.loads(body)["type"])
            doubled = self._faults.hit(lambda fault: fault.concerns("webhooks_doubled", type_))
            answers = [self._post(body) for _ in range(2 if doubled else 1)]
            accepted = all(answers)
            with self._store.transaction():
                log, moment = self._store.event_log, self._store.moment()
                if accepted:
                    log.mark_delivered(event_id, moment)
                else:
                    log.postpone(event_id, moment + min(0.5 * 2**tries, MAX_BACKOFF_SECONDS))
        finally:
            self._in_flight.discard(event_id)

    def _post(self, body: str) -> bool:
        request = urllib.request.Request(  # noqa: S310  (the operator sets the URL)
            self.url,
            data=body.encode(),
            headers={"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": sign(body, self.secret)},
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
                return 200 <= int(response.status) < 300
        except (OSError, urllib.error.URLError) as error:
            logger.info("The shop did not accept the webhook: %s", error)
            return False


def sign(body: str, secret: str, moment: int | None = None) -> str:
    """The `Stripe-Signature` header of a body."""
    moment = int(time.time()) if moment is None else moment
    signature = hmac.new(secret.encode(), f"{moment}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={moment},v1={signature}"
