"""Melhor Envio's documents about labels: written from our values, and read without trust."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from config.money import round_money
from shipping.carriers.labels import CarrierLabel
from shipping.label_requests import LabelRequest, Party

# Its times have no zone.
BRASILIA = ZoneInfo("America/Sao_Paulo")
MAX_TEXT_LENGTH = 200
CPF_DIGITS = 11

_ID = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)
_CODE = re.compile(r"[0-9A-Z][0-9A-Z._/-]{0,59}", re.ASCII)
_STATE = re.compile(r"[a-z_-]{1,20}", re.ASCII)
# As webhooks and lists spell it.
_SPELLINGS = {"cancelled": "canceled"}


def cart_item(request: LabelRequest) -> dict[str, Any]:
    """The body of `POST /cart`. Without an invoice the label bears a content declaration."""
    box = request.box
    return {
        "service": int(request.service),
        "from": _party(request.sender),
        "to": _party(request.recipient),
        "products": [
            {"name": item.name, "quantity": item.quantity, "unitary_value": float(item.unit_value)}
            for item in request.items
        ],
        "volumes": [
            {
                "height": box.height_cm,
                "width": box.width_cm,
                "length": box.length_cm,
                "weight": box.weight_grams / 1000,
            }
        ],
        "options": {
            "insurance_value": float(request.value),
            "receipt": False,
            "own_hand": False,
            "reverse": False,
            "non_commercial": True,
            "platform": "Esteira",
            "tags": [{"tag": request.tag}],
        },
    }


def _party(party: Party) -> dict[str, Any]:
    address = party.address
    document = {"document": party.tax_id} if len(party.tax_id) == CPF_DIGITS else {"company_document": party.tax_id}
    return {
        "name": address.name,
        "phone": party.phone,
        "email": party.email,
        **(document if party.tax_id else {}),
        "address": address.street,
        "number": address.number,
        "complement": address.complement,
        "district": address.district,
        "city": address.city,
        "state_abbr": address.state,
        "country_id": address.country,
        "postal_code": address.postal_code,
    }


def read(body: bytes) -> dict[str, Any] | None:
    """The object in a body; None if there is none."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def label(document: Any) -> CarrierLabel | None:
    """A label in an answer or a webhook; None if it has no id or state."""
    if not isinstance(document, dict):
        return None
    carrier_id, state = document.get("id"), document.get("status")
    if not isinstance(carrier_id, str) or not _ID.fullmatch(carrier_id):
        return None
    if not isinstance(state, str) or not _STATE.fullmatch(state):
        return None
    return CarrierLabel(
        carrier_id=carrier_id,
        state=_SPELLINGS.get(state, state),
        tag=next(_tags(document), ""),
        protocol=words(document.get("protocol"))[:60],
        price=money(document.get("price")),
        tracking_code=_code(document.get("tracking")) or _code(document.get("self_tracking")),
        posted_at=moment(document.get("posted_at")),
        delivered_at=moment(document.get("delivered_at")),
    )


def has_tag(document: Any, tag: str) -> bool:
    return isinstance(document, dict) and tag in _tags(document)


def _tags(document: dict[str, Any]) -> Iterator[str]:
    rows = document.get("tags")
    for row in rows if isinstance(rows, list) else []:
        tag = row.get("tag") if isinstance(row, dict) else row
        if isinstance(tag, str) and len(tag) <= MAX_TEXT_LENGTH:
            yield tag


def _code(value: Any) -> str:
    text = value.strip().upper() if isinstance(value, str) else ""
    return text if _CODE.fullmatch(text) else ""


def money(value: Any) -> Decimal | None:
    """An amount, which comes as a number or as text; None if it is none, or below zero."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return round_money(amount) if amount.is_finite() and 0 <= amount < Decimal(10) ** 8 else None


def moment(value: Any) -> datetime | None:
    """A time, which without a zone is Brasília's; None if it is none."""
    if not isinstance(value, str) or len(value) > MAX_TEXT_LENGTH:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=BRASILIA)


def words(value: Any) -> str:
    """Text on one line and of limited length; empty if it is none."""
    text = value if isinstance(value, str) else ""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[:MAX_TEXT_LENGTH]


def refusal_text(body: bytes) -> str:
    """What a refusal says, with the fields that it is about; never what was sent in them."""
    document = read(body) or {}
    message = words(document.get("message")) or words(document.get("error"))
    errors = document.get("errors")
    fields = ", ".join(sorted(words(name) for name in errors)) if isinstance(errors, dict) else ""
    return f"{message} ({fields})"[:MAX_TEXT_LENGTH] if fields else message
