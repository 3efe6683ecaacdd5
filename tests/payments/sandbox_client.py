"""Calls of the sandbox's API: through Stripe's own SDK, and as plain HTTP."""

import http.client
import json
from typing import Any
from urllib.parse import urlencode

import stripe

from tests.support.sandbox import Sandbox


def client(sandbox: Sandbox, key: str = "") -> stripe.StripeClient:
    return stripe.StripeClient(
        key or sandbox.secret_key, base_addresses={"api": sandbox.base_url}, max_network_retries=0
    )


def post(
    sandbox: Sandbox, path: str, form: dict[str, str], *, key: str = "", idempotency_key: str = ""
) -> tuple[int, dict[str, str], dict[str, Any]]:
    connection = http.client.HTTPConnection(sandbox.base_url.removeprefix("http://"), timeout=10)
    headers = {
        "Authorization": f"Bearer {key or sandbox.secret_key}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    if idempotency_key:
        headers["Idempotency-Key"] = idempotency_key
    connection.request("POST", path, urlencode(form), headers)
    response = connection.getresponse()
    document = json.loads(response.read())
    connection.close()
    return response.status, dict(response.headers), document


CHARGE = {"amount": "1000", "currency": "brl", "confirm": "true", "payment_method": "pm_card_visa"}


def pay(sandbox: Sandbox, token: str = "pm_card_visa", **fields: Any) -> stripe.PaymentIntent:
    """A paid intent of 10.00, in an order of its own."""
    values: Any = {
        "amount": 1000,
        "currency": "brl",
        "confirm": True,
        "payment_method": token,
        "metadata": {"order": "1"},
        **fields,
    }
    return client(sandbox).v1.payment_intents.create(values)


def pay_by_pix(sandbox: Sandbox) -> stripe.PaymentIntent:
    """An intent of 10.00 that was paid by Pix."""
    intents = client(sandbox).v1.payment_intents
    intent = intents.create(
        {"amount": 1000, "currency": "brl", "confirm": True, "payment_method_data": {"type": "pix"}}
    )
    assert sandbox.pay_pix(intent.id)
    return intents.retrieve(intent.id)


def event_types(sandbox: Sandbox) -> list[str]:
    """The types of all events but those of the payments themselves, oldest first."""
    return [event["type"] for event in sandbox.events() if not event["type"].startswith("payment_intent.")]
