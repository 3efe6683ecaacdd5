"""Webhooks: redelivered until accepted, verified on the raw body, stored once and without secrets."""

import json
import time
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from django.utils import timezone

from payments import webhook_inbox
from payments.exceptions import InvalidSignature
from payments.gateways import gateway
from payments.models import WebhookEvent
from payments.sandbox.webhooks import sign
from tests.payments.conftest import Shop
from tests.payments.requests import a_charge, lost
from tests.support.factories.payments import PaymentAttemptFactory
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox

pytestmark = pytest.mark.django_db

urlpatterns = [path("webhooks/", include("payments.urls"))]


def an_event(sandbox: Sandbox, token: str = "pm_card_visa") -> str:
    """The body of the event that one charge causes."""
    gateway().authorize(a_charge(token))
    event = sandbox.events()[-1]
    return json.dumps({key: value for key, value in event.items() if key not in {"tries", "delivered"}}, indent=2)


def test_events_are_signed_and_redelivered_until_accepted(sandbox: Sandbox, shop: Shop) -> None:
    shop.statuses = [500, 404]
    sandbox.deliver_to(shop.url)
    gateway().authorize(a_charge())

    messages = shop.wait_for(3)

    assert len({body for body, _signature in messages}) == 1
    body, signature = messages[-1]
    parsed = gateway().parse_webhook(body, signature)
    assert parsed.type == "payment_intent.succeeded"
    assert parsed.outcome is not None
    assert parsed.outcome.kind == "approved"


def test_events_survive_kill_9_of_the_provider(sandbox_process: Callable[[], Sandbox], shop: Shop) -> None:
    sandbox = sandbox_process()
    gateway().authorize(a_charge())
    sandbox.kill()
    sandbox.start()
    sandbox.deliver_to(shop.url)

    [(body, _signature)] = shop.wait_for(1)
    assert json.loads(body)["type"] == "payment_intent.succeeded"


def test_events_can_be_delayed_duplicated_and_redelivered(sandbox: Sandbox, shop: Shop) -> None:
    sandbox.fault("webhooks_held")
    sandbox.deliver_to(shop.url)
    gateway().authorize(a_charge())
    time.sleep(0.4)
    assert shop.received == []

    sandbox.no_faults()
    sandbox.fault("webhooks_doubled")
    shop.wait_for(2)
    sandbox.no_faults()
    time.sleep(0.3)
    sandbox.redeliver(sandbox.events()[0]["id"])
    assert len({body for body, _signature in shop.wait_for(3)}) == 1


@pytest.mark.parametrize(
    ("token", "type_", "kind"),
    [
        ("pm_card_visa", "payment_intent.succeeded", "approved"),
        ("pm_card_chargeDeclined", "payment_intent.payment_failed", "declined"),
        ("pm_card_authenticationRequired", "payment_intent.requires_action", "action"),
        ("pix", "payment_intent.requires_action", "action"),
    ],
)
def test_a_stored_event_yields_its_attempt_and_outcome(sandbox: Sandbox, token: str, type_: str, kind: str) -> None:
    attempt = PaymentAttemptFactory()
    gateway().authorize(a_charge(token, attempt_id=attempt.pk))
    body = json.dumps(sandbox.events()[-1])

    assert webhook_inbox.store_webhook("stripe", body.encode(), sign(body, WEBHOOK_SECRET))
    event = WebhookEvent.objects.get()
    parsed = webhook_inbox.read_event(event)

    assert event.type == type_
    assert parsed.outcome is not None
    assert parsed.outcome.kind == kind
    assert webhook_inbox.attempt_of_event(parsed) == attempt


def test_a_snapshot_of_creation_decides_nothing(sandbox: Sandbox) -> None:
    document = json.loads(an_event(sandbox, "pm_card_chargeDeclined"))
    document["type"] = "payment_intent.created"

    assert gateway().read_event(document).outcome is None


def test_the_placeholder_of_a_lost_attempt_decides_nothing(sandbox: Sandbox) -> None:
    assert gateway().use_up_key(lost(a_charge())) == "free"

    [event] = sandbox.events()
    assert event["type"] == "payment_intent.canceled"
    assert gateway().read_event(event).outcome is None


def test_an_event_is_stored_once_without_secrets(sandbox: Sandbox) -> None:
    body = an_event(sandbox)
    before = timezone.now()
    new = [webhook_inbox.store_webhook("stripe", body.encode(), sign(body, WEBHOOK_SECRET)) for _ in range(3)]

    assert new == [True, False, False]
    event = WebhookEvent.objects.get()
    document = json.loads(body)
    assert (event.provider, event.event_id, event.type) == ("stripe", document["id"], document["type"])
    assert event.provider_reference == document["data"]["object"]["id"]
    assert (event.tries, event.last_error, event.set_aside, event.looks_foreign) == (0, "", "", False)
    assert (event.claimed_at, event.due_at, event.handled_at) == (None, None, None)
    assert before <= event.received_at <= timezone.now()
    assert event.payload["data"]["object"]["amount_received"] == document["data"]["object"]["amount_received"]
    assert "client_secret" in body
    assert "client_secret" not in json.dumps(event.payload)


FORGERIES: dict[str, Callable[[], tuple[str, str]]] = {
    "unsigned": lambda: ("{}", ""),
    "invented": lambda: ("{}", "t=1,v1=00"),
    "nonsense": lambda: ("{}", "nonsense"),
    "another secret": lambda: ("{}", sign("{}", "whsec_other")),
    "another body": lambda: ("{} ", sign("{}", WEBHOOK_SECRET)),
    "beyond ASCII": lambda: ("{}", "t=1,v1=é"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_the_provider_did_not_sign_is_refused(sandbox: Sandbox, forgery: str) -> None:
    body, signature = FORGERIES[forgery]()
    with pytest.raises(InvalidSignature):
        webhook_inbox.store_webhook("stripe", body.encode(), signature)

    assert not WebhookEvent.objects.exists()


def post(client: Client, body: str) -> tuple[int, dict[str, object]]:
    headers = {"Stripe-Signature": sign(body, WEBHOOK_SECRET)}
    answer = client.post("/webhooks/stripe/", body.encode(), content_type="application/json", headers=headers)
    return answer.status_code, answer.json()


@pytest.mark.urls("tests.payments.test_webhooks")
def test_an_event_is_stored_by_one_statement_whether_it_is_new_or_not(sandbox: Sandbox, client: Client) -> None:
    body = an_event(sandbox)
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            assert post(client, body)[0] == 200
        assert [query["sql"].split()[0] for query in captured.captured_queries] == ["INSERT"]


@pytest.mark.urls("tests.payments.test_webhooks")
@pytest.mark.parametrize(
    "body",
    [
        "{}", "[1]", "no json", "null", "[" * 100_000, '{"id": null, "type": "a", "data": {"object": {}}}',
        '{"id": "evt_1", "type": "", "data": {"object": {}}}', '{"id": "evt_1", "type": "a", "data": {"object": 1}}',
        '{"id": "evt_1", "type": "a", "data": {"object": {"metadata": [1]}}}',
        '{"id": "' + "x" * 256 + '", "type": "a", "data": {"object": {}}}',
        '{"id": "evt_1", "type": "a", "data": {"object": {"object": "payment_intent", "id": "' + "x" * 256 + '"}}}',
        '{"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1"}}}',
        '{"id": "evt_1", "type": "payment_intent.succeeded",'
        ' "data": {"object": {"id": "pi_1", "currency": "brl", "amount_received": "much"}}}',
    ],
)  # fmt: skip
def test_what_is_signed_and_no_event_is_not_called_forged(sandbox: Sandbox, client: Client, body: str) -> None:
    assert post(client, body) == (400, {"code": "malformed_event"})
    assert not WebhookEvent.objects.exists()


@pytest.mark.urls("tests.payments.test_webhooks")
def test_what_the_database_cannot_hold_is_replaced_and_the_event_taken(sandbox: Sandbox, client: Client) -> None:
    body = (
        '{"id": "evt_1", "type": "charge.updated\\u0000", "data": {"object": {"object": "charge", "note\\u0000":'
        ' ["a\\u0000b", "\\ud83d", "\\ud83d\\ude00"], "payment_intent": "pi_1\\udfff", "rate": 1e999, "fee": NaN}}}'
    )
    assert [post(client, body)[0] for _ in range(2)] == [200, 200]
    event = WebhookEvent.objects.get()
    assert (event.type, event.provider_reference) == ("charge.updated\ufffd", "pi_1\ufffd")
    assert event.payload["data"]["object"] == {
        "object": "charge", "note\ufffd": ["a\ufffdb", "\ufffd", "😀"], "payment_intent": "pi_1\ufffd",
        "rate": "inf", "fee": "nan",
    }  # fmt: skip


@pytest.mark.parametrize(("age", "taken"), [(0, True), (290, True), (310, False)])
def test_an_old_signature_is_refused(sandbox: Sandbox, age: int, taken: bool) -> None:
    body = an_event(sandbox)
    signature = sign(body, WEBHOOK_SECRET, int(time.time()) - age)

    if not taken:
        with pytest.raises(InvalidSignature):
            webhook_inbox.store_webhook("stripe", body.encode(), signature)
    else:
        webhook_inbox.store_webhook("stripe", body.encode(), signature)
    assert WebhookEvent.objects.exists() is taken


@pytest.mark.urls("tests.payments.test_webhooks")
def test_the_address_answers_after_storing_and_refuses_forgeries(sandbox: Sandbox, client: Client) -> None:
    body = an_event(sandbox)

    def send(signature: str | None) -> int:
        headers = {"Stripe-Signature": signature} if signature else {}
        return client.post(
            "/webhooks/stripe/", body.encode(), content_type="application/json", headers=headers
        ).status_code

    assert send(None) == 400
    assert send(sign(body + " ", WEBHOOK_SECRET)) == 400
    assert not WebhookEvent.objects.exists()
    assert [send(sign(body, WEBHOOK_SECRET)) for _ in range(2)] == [200, 200]
    assert WebhookEvent.objects.count() == 1
    assert client.get("/webhooks/stripe/").status_code == 405


def test_pending_events_come_least_tried_first() -> None:
    events = [
        WebhookEvent.objects.create(provider="stripe", event_id=f"evt_{n}", type="x", payload={}) for n in range(3)
    ]
    webhook_inbox.mark_event_failed(events[0], "no attempt yet")
    webhook_inbox.mark_events_handled([events[1]])

    waiting = WebhookEvent.objects.waiting()

    assert [event.event_id for event in waiting] == ["evt_2", "evt_0"]
    assert [(event.tries, event.last_error) for event in waiting] == [(0, ""), (1, "no attempt yet")]
