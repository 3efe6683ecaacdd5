"""The OpenAPI document matches the responses: generated requests, valid and invalid, against the live application.

No request may cause a 500, and each response has a status, a content type and a body that the document declares.
"""

from collections.abc import Iterator
from functools import cached_property
from io import StringIO
from typing import Any
from zlib import crc32

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from rest_framework.authtoken.models import Token
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cart.snapshot import CartSnapshot
from checkout.models import Order
from checkout.place_order import PlaceOrder, place_order
from config.wsgi import application
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
METHODS = ["pm_card_visa", "pm_card_chargeDeclined", "pm_card_authenticationRequired", "pix"]

document = schemathesis.openapi.from_wsgi("/api/v1/schema/?format=json", application)


class Shop:
    """Objects that requests refer to, created on first use; a cart to pay for is created each time."""

    def __init__(self) -> None:
        self.product = ProductFactory(sku="MUG", stock=100_000)

    @cached_property
    def token(self) -> str:
        return Token.objects.create(user=UserFactory()).key

    @cached_property
    def cart_id(self) -> str:
        return self.cart_to_pay().id

    @cached_property
    def order(self) -> Order:
        cart = self.cart_to_pay()
        return place_order(
            PlaceOrder(cart_token=cart.id, payment_method="pm_card_visa", expected_total=cart.total, language="en")
        )

    def cart_to_pay(self) -> CartSnapshot:
        return ready_cart([self.product])


@pytest.fixture
def shop(db: None, sandbox: Any) -> Shop:
    return Shop()


@pytest.fixture
def one_connection() -> Iterator[None]:
    """Requests share the test's transaction, as with Django's test client: none may close its connection."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@document.parametrize()
@pytest.mark.usefixtures("one_connection")
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_responses_match_the_document(case: schemathesis.Case, shop: Shop) -> None:
    headers = _refer_to_existing_objects(case, shop)
    case.call_and_validate(headers=headers, checks=CHECKS)


def _refer_to_existing_objects(case: schemathesis.Case, shop: Shop) -> dict[str, str]:
    """Three of four requests name an existing cart, order or product; otherwise all would end in 404."""
    chance = crc32(repr((case.path_parameters, case.body, case.query)).encode("utf-8", "replace"))
    if chance % 4 == 0:
        return {}
    known = case.path_parameters or {}
    headers = {}
    if "id" in known:
        known["id"] = shop.cart_to_pay().id if case.path.endswith("/checkout/") else shop.cart_id
    if "sku" in known:
        known["sku"] = shop.product.sku
    if "number" in known:
        known["number"] = shop.order.number
        headers["Order-Token"] = shop.order.token
    if case.path.startswith(("/api/v1/me", "/api/v1/orders/")) or chance % 3 == 0:
        headers["Authorization"] = f"Token {shop.token}"
    _fill_in(case.body, chance)
    return headers


def _fill_in(body: Any, chance: int) -> None:
    """Replaces generated text in a body with meaningful values."""
    if isinstance(body, dict):
        words = {"sku": "MUG", "code": "flat", "payment_method": METHODS[chance % 4], "expected_total": "1000.00"}
        body.update({name: word for name, word in words.items() if isinstance(body.get(name), str)})


def test_the_document_is_valid() -> None:
    """The same as `spectacular --validate --fail-on-warn`."""
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    assert out.getvalue().startswith("openapi: 3")


def test_bodies_declare_that_they_refuse_unknown_fields() -> None:
    schemas = document.raw_schema["components"]["schemas"]
    for name in ("NewLineRequest", "DeliveryRequest", "NewAddressRequest", "CheckoutRequest"):
        assert schemas[name]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["Cart"]


def test_every_refusal_of_the_checkout_is_documented() -> None:
    answers = document.raw_schema["paths"]["/api/v1/carts/{id}/checkout/"]["post"]["responses"]
    descriptions = {status: answer["description"] for status, answer in answers.items()}
    for status, code in [
        ("400", "idempotency_key_required"), ("400", "idempotency_key_invalid"),
        ("400", "invalid"), ("402", "payment_declined"), ("404", "not_found"),
        ("409", "insufficient_stock"), ("409", "price_changed"), ("409", "shipping_quote_expired"),
        ("409", "cart_empty"), ("409", "cart_closed"), ("409", "address_required"), ("409", "shipping_required"),
        ("409", "checkout_in_progress"), ("422", "invalid"), ("422", "idempotency_key_reused"),
        ("429", "rate_limited"), ("503", "payment_unavailable"),
    ]:  # fmt: skip
        assert f"`{code}`" in descriptions[status]
        assert list(answers[status]["content"]) == ["application/problem+json"]
    assert "Retry-After" in answers["503"]["headers"]
    assert "Idempotent-Replayed" in answers["201"]["headers"]
