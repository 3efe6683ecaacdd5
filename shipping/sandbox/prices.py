"""Prices of the sandbox carrier: plausible, deterministic, and rejecting what real carriers reject."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]

BOX_KG = 30
LONGEST_SIDE_CM = 100
CUBIC_CM_PER_KG = 6000

# Distance from São Paulo by the first digit of the postal code, in rings.
RINGS = {"0": 0, "1": 1, "2": 2, "3": 2, "8": 2, "7": 3, "9": 3, "4": 4, "5": 5, "6": 6}

_POSTAL_CODE = re.compile(r"[0-9]{5}-?[0-9]{3}", re.ASCII)
_NUMBERS = ("width", "height", "length", "weight", "insurance_value", "quantity")


class Invalid(Exception):
    """The request violates the API contract; `errors` by field."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(errors)
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Service:
    """Prices in cents: `base`, plus a price per kilogram and per ring. `days` is the maximum for the nearest ring."""

    id: int
    name: str
    company: str
    base: int
    per_kg: int
    per_ring: int
    days: int
    days_per_ring: float
    max_kg: float = math.inf
    max_ring: int = 6


SERVICES = (
    Service(1, "PAC", "Correios", 1390, 210, 430, days=4, days_per_ring=1.6),
    Service(2, "SEDEX", "Correios", 1690, 390, 980, days=1, days_per_ring=0.6),
    Service(3, ".Package", "Jadlog", 1240, 240, 470, days=5, days_per_ring=1.4),
    Service(4, ".Com", "Jadlog", 1580, 330, 640, days=3, days_per_ring=1.0),
    Service(17, "Mini Envios", "Correios", 890, 0, 120, days=7, days_per_ring=2.0, max_kg=0.3),
    Service(31, "Express", "Loggi", 1120, 180, 390, days=2, days_per_ring=1.0, max_ring=2),
)


def calculate(request: Document) -> list[Document]:
    """The services, each with a price or an error. Raises Invalid."""
    _check(request)
    wanted = {part.strip() for part in str(request.get("services") or "").split(",") if part.strip()}
    return [_priced(service, request) for service in SERVICES if not wanted or str(service.id) in wanted]


def _priced(service: Service, request: Document) -> Document:
    answer: Document = {
        "id": service.id,
        "name": service.name,
        "company": {"id": service.id, "name": service.company, "picture": ""},
    }
    to = str(request["to"]["postal_code"]).replace("-", "")
    ring, products = RINGS[to[0]], request["products"]
    kilograms = sum(_billable_kg(product) * product["quantity"] for product in products)
    if int(to[:5]) < 1000 or 78900 <= int(to[:5]) <= 78999 or ring > service.max_ring:
        return {**answer, "error": "Transportadora não atende este trecho."}
    too_large = any(
        _billable_kg(product) > BOX_KG or max(product["width"], product["height"], product["length"]) > LONGEST_SIDE_CM
        for product in products
    )
    if too_large or kilograms > service.max_kg:
        return {**answer, "error": "Dimensões ou peso do objeto ultrapassam o limite da transportadora."}
    boxes = max(1, math.ceil(kilograms / BOX_KG))
    value = sum(product["insurance_value"] * product["quantity"] for product in products)
    cents = boxes * (service.base + ring * service.per_ring) + math.ceil(kilograms * service.per_kg) + round(value)
    max_days = service.days + round(ring * service.days_per_ring)
    price, days = f"{cents / 100:.2f}", {"min": max(1, max_days - 1), "max": max_days}
    return {
        **answer,
        "price": price,
        "custom_price": price,
        "discount": "0.00",
        "currency": "R$",
        "delivery_time": max_days,
        "delivery_range": days,
        "custom_delivery_time": max_days,
        "custom_delivery_range": days,
        "packages": [{"format": "box", "weight": f"{kilograms / boxes:.2f}"} for _ in range(boxes)],
        "additional_services": {"receipt": False, "own_hand": False, "collect": False},
    }


def _billable_kg(product: Document) -> float:
    volumetric_kg = product["width"] * product["height"] * product["length"] / CUBIC_CM_PER_KG
    return float(max(product["weight"], volumetric_kg))


def _check(request: Document) -> None:
    errors = dict(_errors(request))
    if errors:
        raise Invalid(errors)


def _errors(request: Document) -> Iterator[tuple[str, list[str]]]:
    for side in ("from", "to"):
        place = request.get(side)
        if not isinstance(place, dict) or not _POSTAL_CODE.fullmatch(str(place.get("postal_code"))):
            yield f"{side}.postal_code", ["O campo deve ser um CEP válido."]
    products = request.get("products")
    if not isinstance(products, list) or not products:
        yield "products", ["O campo é obrigatório."]
        return
    for number, product in enumerate(products):
        for field in _NUMBERS:
            value = product.get(field) if isinstance(product, dict) else None
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                yield f"products.{number}.{field}", ["O campo deve ser um número."]
