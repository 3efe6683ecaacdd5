"""The provider's events, delivered as signed webhooks to the shop under test, in any order and any number of times."""

import json
from collections.abc import Iterable
from typing import Any

from django.test import Client
from django.urls import reverse

from checkout.settle_webhooks import settle_waiting_events
from payments.sandbox.webhooks import sign
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox


def deliver(events: Iterable[dict[str, Any]]) -> None:
    """Post the events one by one and let the worker settle each before the next comes."""
    for event in events:
        body = json.dumps({name: value for name, value in event.items() if name not in ("tries", "delivered")})
        answer = Client().post(
            reverse("payments:stripe_webhook"),
            body,
            content_type="application/json",
            headers={"Stripe-Signature": sign(body, WEBHOOK_SECRET)},
        )
        assert answer.status_code == 200, answer.content
        settle_waiting_events()


def events_of(sandbox: Sandbox, *prefixes: str) -> list[dict[str, Any]]:
    """What has happened at the provider, oldest first, by the beginnings of the events' types."""
    return [event for event in sandbox.events() if event["type"].startswith(prefixes or ("",))]
