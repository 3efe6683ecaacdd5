"""Melhor Envio, an aggregator of Correios and private carriers: `POST /api/v2/me/shipment/calculate`.

Its service 1 is our option `melhor-envio-1`, and so on: its ids are stable, its names are not. It does the packing, so
we send the size and weight of each product, not of the parcel.
"""

import json
import logging
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from config.money import round_money
from config.resilience.http import Call, CallFailed, Response, send
from shipping.carriers.base import CarrierUnavailable
from shipping.options import ShippingOption
from shipping.parcels import Parcel, ParcelItem

logger = logging.getLogger(__name__)

PATH = "/api/v2/me/shipment/calculate"
CURRENCY = "BRL"
MAX_ANSWER_BYTES = 512 * 1024
MAX_SERVICES = 50
MAX_NAME_LENGTH = 80
MAX_DAYS = 365

_PRICE = re.compile(r"[0-9]{1,7}(\.[0-9]{1,4})?", re.ASCII)
_SERVICE_ID = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
# Values of the currency field that mean reais.
_REAIS = ("R$", CURRENCY, None)


@dataclass(frozen=True)
class MelhorEnvio:
    """See `shipping.carriers.base.Carrier`. `services`: the ids to offer; all if empty."""

    api_base: str
    token: str
    user_agent: str
    services: frozenset[str]
    from_postal_code: str
    seconds: float

    name = "melhor_envio"

    def build_request(self, parcel: Parcel, postal_code: str) -> bytes | None:
        if parcel.currency != CURRENCY or not parcel.items:
            return None
        products = sorted((_product(item) for item in parcel.items), key=lambda product: sorted(product.items()))
        document: dict[str, Any] = {
            "from": {"postal_code": self.from_postal_code},
            "to": {"postal_code": postal_code},
            "products": [{"id": str(number), **product} for number, product in enumerate(products, 1)],
            "options": {"receipt": False, "own_hand": False},
        }
        if self.services:
            document["services"] = ",".join(sorted(self.services))
        return json.dumps(document).encode()

    def fetch_rates(self, request: bytes) -> list[ShippingOption]:
        call = Call(
            service=self.name,
            base=self.api_base,
            path=PATH,
            seconds=self.seconds,
            max_bytes=MAX_ANSWER_BYTES,
            method="POST",
            headers={
                "Accept": "application/json",
                "Content-Type": "application/json",
                "Authorization": f"Bearer {self.token}",
                "User-Agent": self.user_agent,
            },
            body=request,
            # A question about prices, nothing else.
            repeatable=True,
        )
        try:
            answer = send(call)
        except CallFailed as error:
            raise CarrierUnavailable(str(error)) from error
        options = _options_in(answer)
        return [option for option in options if not self.services or _service_id(option) in self.services]


def _product(item: ParcelItem) -> dict[str, float]:
    return {
        "width": item.width_cm,
        "height": item.height_cm,
        "length": item.length_cm,
        "weight": item.weight_grams / 1000,
        "insurance_value": float(item.unit_value),
        "quantity": item.quantity,
    }


def _options_in(answer: Response) -> list[ShippingOption]:
    """The options in an answer: none if this parcel is rejected; any other error raises CarrierUnavailable."""
    if answer.status in (400, 422):
        logger.info("Melhor Envio cannot price a parcel: status %d", answer.status)
        return []
    if answer.status in (401, 403):
        # Needs action on our side; retrying does not help.
        logger.error(
            "Melhor Envio rejected our token (status %d): expired, or without the scope shipping-calculate?",
            answer.status,
        )
    if answer.status != 200:
        raise CarrierUnavailable(f"status {answer.status}")
    return parse(answer.body)


def parse(body: bytes) -> list[ShippingOption]:
    """The valid services in an answer, in its order; skips those with an error, no price or invalid data.

    Raises CarrierUnavailable if the body is not a list of services.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise CarrierUnavailable("the answer is not JSON") from error
    if isinstance(document, dict) and "id" in document:
        # The answer when a single service was requested.
        document = [document]
    if not isinstance(document, list):
        raise CarrierUnavailable("the answer is not a list of services")
    found: dict[str, ShippingOption] = {}
    for service in document[:MAX_SERVICES]:
        option = _option(service) if isinstance(service, dict) else None
        if option is not None:
            found.setdefault(option.code, option)
    return list(found.values())


def _option(service: dict[str, Any]) -> ShippingOption | None:
    if service.get("error") or service.get("currency") not in _REAIS:
        return None
    number, price, days = str(service.get("id")), _price(service), _days(service)
    if not _SERVICE_ID.fullmatch(number) or price is None or days is None:
        return None
    return ShippingOption(
        code=f"melhor-envio-{number}",
        method_name=_name(service) or f"Melhor Envio {number}",
        price=price,
        currency=CURRENCY,
        min_days=days[0],
        max_days=days[1],
    )


def _service_id(option: ShippingOption) -> str:
    return option.code.removeprefix("melhor-envio-")


def _price(service: dict[str, Any]) -> Decimal | None:
    """The price adjusted by the shop's settings at Melhor Envio, else the list price. Zero is not a valid price."""
    for field in ("custom_price", "price"):
        text = service.get(field)
        if isinstance(text, str) and _PRICE.fullmatch(text):
            price = round_money(Decimal(text))
            return price if price > 0 else None
    return None


def _days(service: dict[str, Any]) -> tuple[int, int] | None:
    """Minimum and maximum in working days."""
    for field in ("custom_delivery_range", "delivery_range"):
        bounds = service.get(field)
        days = _day_range(bounds.get("min"), bounds.get("max")) if isinstance(bounds, dict) else None
        if days is not None:
            return days
    return _day_range(service.get("delivery_time"), service.get("delivery_time"))


def _day_range(low: object, high: object) -> tuple[int, int] | None:
    if isinstance(low, bool) or not isinstance(low, int) or isinstance(high, bool) or not isinstance(high, int):
        return None
    return (low, high) if 0 <= low <= high <= MAX_DAYS else None


def _name(service: dict[str, Any]) -> str:
    """The names of carrier and service, on one line and of limited length."""
    company = service.get("company")
    parts = [company.get("name") if isinstance(company, dict) else None, service.get("name")]
    words = " ".join(part for part in parts if isinstance(part, str))
    printable = "".join(letter if letter.isprintable() else " " for letter in words)
    return " ".join(printable.split())[:MAX_NAME_LENGTH]
