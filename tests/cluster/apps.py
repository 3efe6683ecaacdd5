"""Well-behaved apps: a request without a response, or with a 5xx, is retried with the same key."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.orders import VISA
from tests.support.traffic import ADDRESS, Answered, call

PATIENCE_SECONDS = 60
PAUSE_SECONDS = 0.3


@dataclass
class Purchase:
    """One purchase, starting with its cart. Times are monotonic; `number` is set once the app got it in a response."""

    began: float
    number: str = ""
    ended: float = 0.0
    repeats: int = 0
    refusal: str = ""
    seen: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return self.ended - self.began


class GaveUp(Exception):
    """No usable response; the message is the last one received."""


class App:
    def __init__(self, url: str, sku: str) -> None:
        self._carts, self._orders, self._sku = f"{url}/api/v1/carts/", f"{url}/api/v1/orders/", sku

    def buy(self) -> Purchase:
        purchase = Purchase(time.monotonic())
        try:
            purchase.number = self._buy(purchase)
        except GaveUp as refusal:
            purchase.refusal = str(refusal)
        purchase.ended = time.monotonic()
        return purchase

    def _buy(self, purchase: Purchase) -> str:
        def until(send: Callable[[], Answered]) -> Answered:
            return self._until_answered(purchase, send)

        cart = f"{self._carts}{until(lambda: call('POST', self._carts, {})).document['id']}/"
        until(lambda: self._add_line(cart))
        delivery = {"email": "ana@example.com", "phone": "11987654321", "address": ADDRESS}
        until(lambda: call("PUT", f"{cart}delivery/", delivery))
        total = until(lambda: call("PUT", f"{cart}shipping/", {"code": "flat"})).document["total"]
        wish, key = {"payment_method": VISA, "expected_total": total}, {"Idempotency-Key": str(uuid.uuid4())}
        order = until(lambda: call("POST", f"{cart}checkout/", wish, **key)).document
        number, token = order["number"], {"Order-Token": order["token"]}
        while order["status"] != "paid":
            order = until(lambda: call("GET", f"{self._orders}{number}/", **token)).document
            if time.monotonic() > purchase.began + PATIENCE_SECONDS:
                raise GaveUp(f"The order is {order['status']}.")
            time.sleep(PAUSE_SECONDS)
        return str(number)

    def _add_line(self, cart: str) -> Answered:
        """Adding twice would buy two: after a lost response the app reads the cart first."""
        now = call("GET", cart)
        if now.status != 200 or now.document["lines"]:
            return now
        return call("POST", f"{cart}lines/", {"sku": self._sku, "quantity": 1})

    def _until_answered(self, purchase: Purchase, send: Callable[[], Answered]) -> Answered:
        while True:
            answer = send()
            if answer.status in (200, 201, 202):
                return answer
            what = f"{answer.step} {answer.status} {answer.document.get('code', answer.document.get('error', ''))}"
            purchase.seen.append(what)
            purchase.repeats += 1
            again = answer.status in (0, 500, 502, 503, 504) or "checkout_in_progress" in what
            if not again or time.monotonic() > purchase.began + PATIENCE_SECONDS:
                raise GaveUp(what)
            time.sleep(PAUSE_SECONDS)


class Crowd:
    """Apps that keep buying until `stop`."""

    def __init__(self, url: str, sku: str, apps: int) -> None:
        self._app = App(url, sku)
        self._enough = threading.Event()
        self._lock = threading.Lock()
        self.purchases: list[Purchase] = []
        self._threads = [threading.Thread(target=self._shop, daemon=True) for _ in range(apps)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let purchases in progress finish."""
        self._enough.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE_SECONDS)

    def done_since(self, moment: float) -> int:
        with self._lock:
            return sum(1 for purchase in self.purchases if purchase.number and purchase.began > moment)

    def _shop(self) -> None:
        while not self._enough.is_set():
            purchase = self._app.buy()
            with self._lock:
                self.purchases.append(purchase)


@contextmanager
def buying(url: str, sku: str, apps: int = 4) -> Iterator[Crowd]:
    crowd = Crowd(url, sku, apps)
    crowd.start()
    try:
        yield crowd
    finally:
        crowd.stop()
