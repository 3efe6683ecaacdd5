"""Concurrent shoppers who keep buying over the REST API until they are stopped."""

import itertools
import json
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.orders import VISA

ADDRESS = {
    "name": "Ana Souza", "street": "Avenida Paulista", "number": "1000", "district": "Bela Vista",
    "city": "São Paulo", "state": "SP", "postal_code": "01310200", "country": "BR",
}  # fmt: skip
LONGEST_SECONDS = 30
# Every shopper has another postal code, so that no price is cached from the one before.
_postal_codes = itertools.count(1_310_000)


@dataclass(frozen=True)
class Answered:
    """One request and its response. A status of 0: no response, but `error`."""

    step: str
    status: int
    seconds: float
    document: dict[str, Any] = field(repr=False)
    retry_after: str = ""
    error: str = ""


def call(method: str, url: str, document: dict[str, Any] | None = None, **headers: str) -> Answered:
    step = url.rstrip("/").rsplit("/", 1)[-1]
    data = json.dumps(document).encode() if document is not None else None
    request = urllib.request.Request(
        url, data=data, method=method, headers={"Content-Type": "application/json", **headers}
    )
    began = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=LONGEST_SECONDS) as answer:
            return Answered(step, answer.status, time.monotonic() - began, json.load(answer))
    except urllib.error.HTTPError as error:
        with error:
            body = error.read()
        seconds, document = time.monotonic() - began, json.loads(body) if body.startswith(b"{") else {}
        return Answered(step, error.code, seconds, document, error.headers.get("Retry-After", ""))
    except OSError as error:
        return Answered(step, 0, time.monotonic() - began, {}, error=repr(error))


def buy(url: str, sku: str, method: str = VISA) -> list[Answered]:
    """From an empty cart to the order, with the cheapest shipping option.

    Returns the responses in order; the last is the checkout's or the first refusal.
    """
    api = f"{url}/api/v1/carts/"
    answers = [call("POST", api, {})]
    cart = f"{api}{answers[0].document.get('id')}/"
    address = ADDRESS | {"postal_code": f"{next(_postal_codes):08}"}
    delivery = {"email": "ana@example.com", "phone": "11987654321", "tax_id": "529.982.247-25", "address": address}
    steps: list[tuple[str, str, Callable[[dict[str, Any]], dict[str, Any] | None]]] = [
        ("POST", "lines/", lambda _cart: {"sku": sku, "quantity": 1}),
        ("PUT", "delivery/", lambda _cart: delivery),
        ("GET", "shipping-options/", lambda _cart: None),
        ("PUT", "shipping/", lambda offer: {"code": offer["options"][0]["code"]}),
        ("POST", "checkout/", lambda cart: {"payment_method": method, "expected_total": cart["total"]}),
    ]
    for verb, what, body in steps:
        if answers[-1].status not in {200, 201}:
            break
        key = {"Idempotency-Key": str(uuid.uuid4())} if what == "checkout/" else {}
        answers.append(call(verb, cart + what, body(answers[-1].document), **key))
    return answers


class Load:
    """Shoppers who buy until `stop`. `wait_for` waits until enough of them have finished."""

    def __init__(self, url: str, sku: str, shoppers: int) -> None:
        self._url, self._sku = url, sku
        self._enough = threading.Event()
        self._news = threading.Condition()
        self._bought: list[list[Answered]] = []
        self._threads = [threading.Thread(target=self._shop, daemon=True) for _ in range(shoppers)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(60)

    def wait_for(self, more: int, seconds: float = 90) -> None:
        """Wait until `more` shoppers, from now on, have finished."""
        with self._news:
            wanted = len(self._bought) + more
            assert self._news.wait_for(lambda: len(self._bought) >= wanted, seconds), "The shop makes no progress."

    @property
    def answers(self) -> list[Answered]:
        with self._news:
            return [answer for answers in self._bought for answer in answers]

    @property
    def checkouts(self) -> list[Answered]:
        return [answer for answer in self.answers if answer.step == "checkout"]

    def statuses(self) -> Counter[tuple[str, int]]:
        return Counter((answer.step, answer.status) for answer in self.answers)

    def _shop(self) -> None:
        while not self._enough.is_set():
            answers = buy(self._url, self._sku)
            with self._news:
                self._bought.append(answers)
                self._news.notify_all()


@contextmanager
def under_load(url: str, sku: str, shoppers: int = 4) -> Iterator[Load]:
    load = Load(url, sku, shoppers)
    load.start()
    try:
        yield load
    finally:
        load.stop()
