"""Labels of Melhor Envio: cart, checkout, generate, print, and what follows. See `shipping.carriers.labels`.

It has no idempotency key. A label has an id from the moment that it is in the cart, and the wallet pays an id once.
"""

import json
import logging
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from config.db.locks import refuse_in_transaction
from config.resilience.breakers import BreakerOpen, breaker
from config.resilience.http import Call, CallFailed, Response, send
from shipping.carriers import label_documents as documents
from shipping.carriers.base import CarrierUnavailable
from shipping.carriers.labels import CarrierLabel, LabelRefused, LabelUnknown
from shipping.label_requests import LabelRequest

logger = logging.getLogger(__name__)

API = "/api/v2/me"
MAX_ANSWER_BYTES = 1024 * 1024
MAX_CART_PAGES = 20
MAX_URL_LENGTH = 500
# Its reason "2": the shop does not want the label any more.
NOT_WANTED = "2"
# Surely nothing was done.
REFUSALS = frozenset({400, 401, 402, 403, 404, 409, 422})


@dataclass(frozen=True)
class MelhorEnvioLabels:
    """See `shipping.carriers.labels.LabelCarrier`."""

    api_base: str
    token: str
    user_agent: str
    seconds: float

    # Another one than that of its prices: what staff wait for must not send shoppers to the rate table.
    name = "melhor_envio_labels"

    def balance(self) -> Decimal:
        amount = documents.money(self._ask("GET", "/balance").get("balance"))
        if amount is None:
            raise CarrierUnavailable("the answer has no balance")
        return amount

    def put_in_cart(self, request: LabelRequest) -> CarrierLabel:
        return _label(self._ask("POST", "/cart", documents.cart_item(request)))

    def find_in_cart(self, tag: str) -> CarrierLabel | None:
        for page in range(1, MAX_CART_PAGES + 1):
            answer = self._ask("GET", f"/cart?page={page}")
            rows = answer.get("data")
            for row in rows if isinstance(rows, list) else []:
                if documents.has_tag(row, tag):
                    return _label(row)
            last = answer.get("last_page")
            if not rows or not isinstance(last, int) or page >= last:
                break
        return None

    def fetch(self, carrier_id: str) -> CarrierLabel:
        number = quote(carrier_id, safe="")
        try:
            return _label(self._ask("GET", f"/orders/{number}"))
        except LabelUnknown:
            return _label(self._ask("GET", f"/cart/{number}"))

    def pay(self, carrier_id: str) -> None:
        self._ask("POST", "/shipment/checkout", {"orders": [carrier_id]})

    def make(self, carrier_id: str) -> None:
        self._check("generate", carrier_id, "status")

    def print_page(self, carrier_ids: Collection[str]) -> str:
        # A public page would show the recipients to whoever has its address.
        url = self._ask("POST", "/shipment/print", {"mode": "private", "orders": list(carrier_ids)}).get("url")
        if not isinstance(url, str) or len(url) > MAX_URL_LENGTH or urlsplit(url).scheme not in ("https", "http"):
            raise CarrierUnavailable("the answer has no address")
        return url

    def remove_from_cart(self, carrier_id: str) -> None:
        self._ask("DELETE", f"/cart/{quote(carrier_id, safe='')}")

    def cancel(self, carrier_id: str, description: str) -> None:
        self._check("cancellable", carrier_id, "cancellable")
        order = {"id": carrier_id, "reason_id": NOT_WANTED, "description": description}
        self._check("cancel", carrier_id, "canceled", {"order": order})

    def _check(self, verb: str, carrier_id: str, field: str, request: dict[str, Any] | None = None) -> None:
        """Call a verb on one label, which answers by label whether it did it."""
        answer = self._ask("POST", f"/shipment/{verb}", request or {"orders": [carrier_id]})
        told = answer.get(carrier_id)
        if not isinstance(told, dict) or not told.get(field):
            message = told.get("message") if isinstance(told, dict) else None
            raise LabelRefused(documents.words(message) or f"Melhor Envio: {verb}")

    def _ask(self, method: str, path: str, document: dict[str, Any] | None = None) -> dict[str, Any]:
        refuse_in_transaction(f"The carrier {self.name}")
        try:
            with breaker(self.name).calling():
                return _read(method, self._send(method, path, document))
        except BreakerOpen as error:
            raise CarrierUnavailable("the circuit is open") from error

    def _send(self, method: str, path: str, document: dict[str, Any] | None) -> Response:
        call = Call(
            service=self.name,
            base=self.api_base,
            path=API + path,
            seconds=self.seconds,
            max_bytes=MAX_ANSWER_BYTES,
            method=method,
            headers={
                "Accept": "application/json",
                "Content-Type": "application/json",
                "Authorization": f"Bearer {self.token}",
                "User-Agent": self.user_agent,
            },
            body=None if document is None else json.dumps(document).encode(),
        )
        try:
            return send(call)
        except CallFailed as error:
            raise CarrierUnavailable(str(error)) from error


def _refusal(answer: Response) -> LabelRefused:
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        logger.error("Melhor Envio refused our token (status %d): expired, or without a scope?", answer.status)
        return LabelRefused(f"Melhor Envio: {answer.status}")
    text = documents.refusal_text(answer.body) or f"Melhor Envio: {answer.status}"
    return LabelUnknown(text) if answer.status == HTTPStatus.NOT_FOUND else LabelRefused(text)


def _read(method: str, answer: Response) -> dict[str, Any]:
    if answer.status in REFUSALS:
        raise _refusal(answer)
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        raise CarrierUnavailable(f"status {answer.status}")
    document = {} if method == "DELETE" else documents.read(answer.body)
    if document is None:
        raise CarrierUnavailable("the answer is no document")
    return document


def _label(document: Any) -> CarrierLabel:
    label = documents.label(document)
    if label is None:
        raise CarrierUnavailable("the answer is no label")
    return label
