"""The labels of the stand-in carrier, and the wallet that pays for them.

A label in the cart is `pending`, then `released` (paid), `generated`, and by itself or by a control `posted` and
`delivered`. As at the real one nothing is idempotent but by the id of a label: two requests to the cart make two
labels, and the wallet refuses to pay an id again.
"""

import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from shipping.sandbox import prices

Document = dict[str, Any]
Answer = tuple[int, Any]

BRASILIA = timezone(timedelta(hours=-3))
# Where the print of labels is, by their ids.
PRINT = "/print/"
START_CENTS = 50_000
CART_PAGE = 10
# What is posted cannot be cancelled any more.
CANCELLABLE = ("pending", "released", "generated")
STATES = (
    "pending", "released", "generated", "received", "posted", "delivered", "undelivered", "canceled", "paused",
    "suspended",
)  # fmt: skip
# By itself: the state, and the one after it.
MOVES = {"generated": "posted", "posted": "delivered"}
MOMENTS = {
    "released": "paid_at", "generated": "generated_at", "posted": "posted_at", "delivered": "delivered_at",
    "canceled": "canceled_at",
}  # fmt: skip
_REQUIRED = ("name", "address", "city", "postal_code")


class Labels:
    """Thread-safe. `on_change` is told of each new state, under no lock. `move_seconds`: 0 is never."""

    def __init__(self, on_change: Callable[[Document], None], move_seconds: float = 0.0) -> None:
        self._on_change, self.move_seconds = on_change, move_seconds
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self._labels: dict[str, Document] = {}
            self._due: dict[str, float] = {}
            self._cents, self._paid = START_CENTS, 0

    # --- The carrier's API ---

    def answer(self, method: str, path: str, query: dict[str, str], document: Any) -> Answer | None:
        """The answer to a request below `/api/v2/me`; None if there is no such call."""
        request = document if isinstance(document, dict) else {}
        kind, _slash, number = path.strip("/").partition("/")
        match (method, kind, number):
            case ("GET", "balance", ""):
                return 200, {"balance": self._cents / 100, "reserved": 0, "debts": 0}
            case ("POST", "cart", ""):
                return self._put_in_cart(request)
            case ("GET", "cart", ""):
                return self._cart(query)
            case ("GET", "cart" | "orders", _):
                return self._found(number, in_cart=kind == "cart")
            case ("DELETE", "cart", _):
                return self._remove(number)
            case ("POST", "shipment", verb) if verb in self._verbs:
                return self._verbs[verb](self, request)
        return None

    def _put_in_cart(self, request: Document) -> Answer:
        errors = {
            f"{side}.{field}": ["O campo é obrigatório."]
            for side in ("from", "to")
            for field in _REQUIRED
            if not (request.get(side) or {}).get(field)
        }
        recipient = request.get("to") or {}
        if not recipient.get("document") and not recipient.get("company_document"):
            errors["to.document"] = ["O campo é obrigatório."]
        service = next((one for one in prices.SERVICES if one.id == request.get("service")), None)
        if service is None:
            errors["service"] = ["O serviço é inválido."]
        if len(request.get("volumes") or []) != 1:
            errors["volumes"] = ["Este serviço aceita um volume."]
        if errors or service is None:
            return 422, {"message": "The given data was invalid.", "errors": errors}
        box, value = request["volumes"][0], (request.get("options") or {}).get("insurance_value", 0)
        product = {**box, "insurance_value": value, "quantity": 1}
        try:
            priced = prices.calculate({**request, "products": [product], "services": str(service.id)})[0]
        except prices.Invalid as error:
            return 422, {"message": "The given data was invalid.", "errors": error.errors}
        if "error" in priced:
            return 422, {"message": priced["error"]}
        label = {
            "id": str(uuid.uuid4()),
            "protocol": f"ORD-{uuid.uuid4().int % 10**12:012d}",
            "service_id": service.id,
            "status": "pending",
            "price": float(priced["price"]),
            "tracking": None,
            "self_tracking": None,
            "tags": (request.get("options") or {}).get("tags", []),
            "created_at": _now(),
            **dict.fromkeys(MOMENTS.values()),
        }
        with self._lock:
            self._labels[label["id"]] = label
        self._tell(label)
        return 201, dict(label)

    def _cart(self, query: dict[str, str]) -> Answer:
        with self._lock:
            rows = [dict(label) for label in reversed(self._labels.values()) if label["status"] == "pending"]
        page, pages = int(query.get("page", "1")), max(1, -(-len(rows) // CART_PAGE))
        return 200, {"current_page": page, "last_page": pages, "data": rows[(page - 1) * CART_PAGE : page * CART_PAGE]}

    def _found(self, number: str, *, in_cart: bool) -> Answer:
        label = self._labels.get(number)
        if label is None or (label["status"] == "pending") != in_cart:
            return 404, {"message": "Not found."}
        return 200, dict(label)

    def _remove(self, number: str) -> Answer:
        with self._lock:
            if self._labels.get(number, {}).get("status") != "pending":
                return 404, {"message": "Not found."}
            del self._labels[number]
        return 204, None

    def _checkout(self, request: Document) -> Answer:
        with self._lock:
            labels = [self._labels.get(number) for number in request.get("orders") or []]
            known = [label for label in labels if label is not None]
            if not known or len(known) < len(labels) or any(label["status"] != "pending" for label in known):
                return 422, {"message": "Há etiquetas que não estão no carrinho."}
            cents = sum(round(label["price"] * 100) for label in known)
            if cents > self._cents:
                return 422, {"message": "Saldo insuficiente na carteira."}
            self._cents, self._paid = self._cents - cents, self._paid + cents
        for label in known:
            self._change(label, "released")
        return 200, {"purchase": {"id": str(uuid.uuid4()), "status": "paid", "orders": [dict(one) for one in known]}}

    def _generate(self, request: Document) -> Answer:
        told = {}
        for number in request.get("orders") or []:
            label = self._labels.get(number, {})
            if label.get("status") == "released":
                label["tracking"] = f"ME{uuid.uuid4().int % 10**9:09d}BR"
                self._change(label, "generated")
            done = label.get("status") in MOVES
            told[number] = {"status": done, "message": "Envio gerado com sucesso" if done else "Envio não liberado"}
        return 200, told

    def _print(self, request: Document) -> Answer:
        numbers = request.get("orders") or []
        if not numbers or any(self._labels.get(number, {}).get("status") not in MOVES for number in numbers):
            return 422, {"message": "Há etiquetas que não foram geradas."}
        return 200, {"url": PRINT + ",".join(numbers)}

    def _cancellable(self, request: Document) -> Answer:
        numbers = request.get("orders") or []
        return 200, {number: {"cancellable": self._may_cancel(number)} for number in numbers}

    def _cancel(self, request: Document) -> Answer:
        number = str((request.get("order") or {}).get("id"))
        with self._lock:
            if not self._may_cancel(number):
                return 200, {number: {"canceled": False, "message": "A etiqueta não pode ser cancelada."}}
            label, cents = self._labels[number], 0
            if label["status"] != "pending":
                cents = round(label["price"] * 100)
            self._cents, self._paid = self._cents + cents, self._paid - cents
        self._change(label, "canceled")
        return 200, {number: {"canceled": True, "time": label["canceled_at"]}}

    def _may_cancel(self, number: str) -> bool:
        return self._labels.get(number, {}).get("status") in CANCELLABLE

    _verbs: dict[str, Callable[["Labels", Document], Answer]] = {
        "checkout": _checkout,
        "generate": _generate,
        "print": _print,
        "cancellable": _cancellable,
        "cancel": _cancel,
    }

    def print_page(self, path: str) -> str:
        """The page of labels to be printed. The real one asks who wants to see it; this one shows no recipient."""
        known = [self._labels.get(number) for number in path.removeprefix(PRINT).split(",")]
        shown = "".join(
            f"<article><h2>{label['protocol']}</h2><p>{label['tracking']}</p></article>" for label in known if label
        )
        return (
            f"<!DOCTYPE html><html lang=pt-BR><meta charset=utf-8><title>Etiquetas</title><body>{shown}</body></html>"
        )

    # --- Controls, and what happens by itself ---

    def ledger(self) -> Document:
        """What was paid for labels and did not come back, in reais, and all labels."""
        with self._lock:
            labels = [dict(label) for label in self._labels.values()]
            return {"balance": self._cents / 100, "paid": self._paid / 100, "labels": labels}

    def fill_wallet(self, balance: float) -> None:
        with self._lock:
            self._cents = round(balance * 100)

    def move(self, number: str, state: str) -> bool:
        """Give a label any state; returns whether there are such a label and state."""
        label = self._labels.get(number)
        if label is None or state not in STATES:
            return False
        self._change(label, state)
        return True

    def happen(self) -> None:
        """Move the labels whose time has come."""
        with self._lock:
            due = [self._labels[number] for number, moment in self._due.items() if moment <= time.monotonic()]
        for label in due:
            self._change(label, MOVES.get(str(label["status"]), str(label["status"])))

    def _change(self, label: Document, state: str) -> None:
        with self._lock:
            label["status"] = state
            if state in MOMENTS:
                label[MOMENTS[state]] = _now()
            self._due.pop(label["id"], None)
            if self.move_seconds and state in MOVES:
                self._due[label["id"]] = time.monotonic() + self.move_seconds
        self._tell(label)

    def _tell(self, label: Document) -> None:
        with self._lock:
            told = dict(label)
        self._on_change(told)


def _now() -> str:
    return datetime.now(BRASILIA).strftime("%Y-%m-%d %H:%M:%S")
