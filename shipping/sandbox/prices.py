"""What the stand-in charges: plausible, deterministic, and refusing what real carriers refuse."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]

BOX_KG = 30
LONGEST_SIDE_CM = 100
CUBIC_CM_PER_KG = 6000

# How far away the first digit of a postal code lies from São Paulo, in rings.
RINGS = {"0": 0, "1": 1, "2": 2, "3": 2, "8": 2, "7": 3, "9": 3, "4": 4, "5": 5, "6": 6}

_POSTAL_CODE = re.compile(r"[0-9]{5}-?[0-9]{3}", re.ASCII)
_NUMBERS = ("width", "height", "length", "weight", "insurance_value", "quantity")


class Invalid(Exception):
    """The question is not as the contract says; `errors` tells by field."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(errors)
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Service:
    """Prices in cents: `base`, and what each kilogram and each ring adds. `days` for the nearest ring, at most."""

    id: int
    name: str
    company: str
    base: int
    per_kg: int
    per_ring: int
    days: int
    days_per_ring: float
    most_kg: float = math.inf
    farthest_ring: int = 6


SERVICES = (
    Service(1, "PAC", "Correios", 1390, 210, 430, days=4, days_per_ring=1.6),
    Service(2, "SEDEX", "Correios", 1690, 390, 980, days=1, days_per_ring=0.6),
    Service(3, ".Package", "Jadlog", 1240, 240, 470, days=5, days_per_ring=1.4),
    Service(4, ".Com", "Jadlog", 1580, 330, 640, days=3, days_per_ring=1.0),
    Service(17, "Mini Envios", "Correios", 890, 0, 120, days=7, days_per_ring=2.0, most_kg=0.3),
    Service(31, "Express", "Loggi", 1120, 180, 390, days=2, days_per_ring=1.0, farthest_ring=2),
)


def calculate(question: Document) -> list[Document]:
    """The services, each with a price or with an error. Raises Invalid."""
    _check(question)
    wanted = {part.strip() for part in str(question.get("services") or "").split(",") if part.strip()}
    return [_priced(service, question) for service in SERVICES if not wanted or str(service.id) in wanted]


def _priced(service: Service, question: Document) -> Document:
    answer: Document = {
        "id": service.id,
        "name": service.name,
        "company": {"id": service.id, "name": service.company, "picture": ""},
    }
    to = str(question["to"]["postal_code"]).replace("-", "")
    ring, products = RINGS[to[0]], question["products"]
    kilograms = sum(_billable_kg(product) * product["quantity"] for product in products)
    if int(to[:5]) < 1000 or 78900 <= int(to[:5]) <= 78999 or ring > service.farthest_ring:
        return {**answer, "error": "Transportadora não atende este trecho."}
    too_large = any(
        _billable_kg(product) > BOX_KG or max(product["width"], product["height"], product["length"]) > LONGEST_SIDE_CM
        for product in products
    )
    if too_large or kilograms > service.most_kg:
        return {**answer, "error": "Dimensões ou peso do objeto ultrapassam o limite da transportadora."}
    boxes = max(1, math.ceil(kilograms / BOX_KG))
    value = sum(product["insurance_value"] * product["quantity"] for product in products)
    cents = boxes * (service.base + ring * service.per_ring) + math.ceil(kilograms * service.per_kg) + round(value)
    most = service.days + round(ring * service.days_per_ring)
    price, days = f"{cents / 100:.2f}", {"min": max(1, most - 1), "max": most}
    return {
        **answer,
        "price": price,
        "custom_price": price,
        "discount": "0.00",
        "currency": "R$",
        "delivery_time": most,
        "delivery_range": days,
        "custom_delivery_time": most,
        "custom_delivery_range": days,
        "packages": [{"format": "box", "weight": f"{kilograms / boxes:.2f}"} for _ in range(boxes)],
        "additional_services": {"receipt": False, "own_hand": False, "collect": False},
    }


def _billable_kg(product: Document) -> float:
    room = product["width"] * product["height"] * product["length"] / CUBIC_CM_PER_KG
    return float(max(product["weight"], room))


def _check(question: Document) -> None:
    errors = dict(_errors(question))
    if errors:
        raise Invalid(errors)


def _errors(question: Document) -> Iterator[tuple[str, list[str]]]:
    for side in ("from", "to"):
        place = question.get(side)
        if not isinstance(place, dict) or not _POSTAL_CODE.fullmatch(str(place.get("postal_code"))):
            yield f"{side}.postal_code", ["O campo deve ser um CEP válido."]
    products = question.get("products")
    if not isinstance(products, list) or not products:
        yield "products", ["O campo é obrigatório."]
        return
    for number, product in enumerate(products):
        for field in _NUMBERS:
            value = product.get(field) if isinstance(product, dict) else None
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                yield f"products.{number}.{field}", ["O campo deve ser um número."]
