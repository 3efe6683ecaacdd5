"""Melhor Envio, an aggregator of Correios and private carriers: `POST /api/v2/me/shipment/calculate`.

Its service 1 is our option `melhor-envio-1`, and so on: its ids are stable, its names are not. It packs by itself, so
it is told each product's size and weight, not the parcel's.
"""

import json
import logging
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from config.money import round_money
from config.resilience.http import Answered, Call, CallFailed, ask
from shipping.carriers.base import CarrierAway
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
# What its currency field may say of a price in reais.
_OUR_CURRENCY = ("R$", CURRENCY, None)


@dataclass(frozen=True)
class MelhorEnvio:
    """See `shipping.carriers.base.Carrier`. `services` are the ids to offer; empty: all."""

    api_base: str
    token: str
    user_agent: str
    services: frozenset[str]
    from_postal_code: str
    seconds: float

    name = "melhor_envio"

    def question(self, parcel: Parcel, postal_code: str) -> bytes | None:
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

    def ask(self, question: bytes) -> list[ShippingOption]:
        call = Call(
            service=self.name,
            base=self.api_base,
            path=PATH,
            seconds=self.seconds,
            most_bytes=MAX_ANSWER_BYTES,
            method="POST",
            headers={
                "Accept": "application/json",
                "Content-Type": "application/json",
                "Authorization": f"Bearer {self.token}",
                "User-Agent": self.user_agent,
            },
            body=question,
        )
        try:
            answer = ask(call)
        except CallFailed as error:
            raise CarrierAway(str(error)) from error
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


def _options_in(answer: Answered) -> list[ShippingOption]:
    """The offers of an answer. One that refuses this very parcel offers nothing; any other refusal is a failure."""
    if answer.status in (400, 422):
        logger.info("Melhor Envio cannot price a parcel: status %d", answer.status)
        return []
    if answer.status in (401, 403):
        # Nobody but us can mend that, and it will not pass by itself.
        logger.error(
            "Melhor Envio refuses our token (status %d): is it expired, or without the scope shipping-calculate?",
            answer.status,
        )
    if answer.status != 200:
        raise CarrierAway(f"status {answer.status}")
    return parse(answer.body)


def parse(body: bytes) -> list[ShippingOption]:
    """The services on offer, in the order of the answer; what has an error, no price or no sense is left out.

    Raises CarrierAway where the body is no list of services.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise CarrierAway("the answer is no JSON") from error
    if isinstance(document, dict) and "id" in document:
        # So it answers where a single service was asked for.
        document = [document]
    if not isinstance(document, list):
        raise CarrierAway("the answer is no list of services")
    found: dict[str, ShippingOption] = {}
    for service in document[:MAX_SERVICES]:
        option = _option(service) if isinstance(service, dict) else None
        if option is not None:
            found.setdefault(option.code, option)
    return list(found.values())


def _option(service: dict[str, Any]) -> ShippingOption | None:
    if service.get("error") or service.get("currency") not in _OUR_CURRENCY:
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
    """The price with what the shop has set in its panel there, else the plain one. Nothing travels for nothing."""
    for field in ("custom_price", "price"):
        text = service.get(field)
        if isinstance(text, str) and _PRICE.fullmatch(text):
            price = round_money(Decimal(text))
            return price if price > 0 else None
    return None


def _days(service: dict[str, Any]) -> tuple[int, int] | None:
    """Working days, at least and at most."""
    for field in ("custom_delivery_range", "delivery_range"):
        stretch = service.get(field)
        days = _stretch(stretch.get("min"), stretch.get("max")) if isinstance(stretch, dict) else None
        if days is not None:
            return days
    return _stretch(service.get("delivery_time"), service.get("delivery_time"))


def _stretch(least: object, most: object) -> tuple[int, int] | None:
    if isinstance(least, bool) or not isinstance(least, int) or isinstance(most, bool) or not isinstance(most, int):
        return None
    return (least, most) if 0 <= least <= most <= MAX_DAYS else None


def _name(service: dict[str, Any]) -> str:
    """The carrier's name and the service's, on one line and of bearable length."""
    company = service.get("company")
    parts = [company.get("name") if isinstance(company, dict) else None, service.get("name")]
    words = " ".join(part for part in parts if isinstance(part, str))
    printable = "".join(letter if letter.isprintable() else " " for letter in words)
    return " ".join(printable.split())[:MAX_NAME_LENGTH]
