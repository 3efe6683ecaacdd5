"""What the process is doing when it is killed: each scenario sets up a case and returns the child's command."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any
from zlib import crc32

from cart.snapshot import CartSnapshot
from checkout import tasks
from checkout.models import Order
from config.exceptions import Refusal
from payments import webhook_inbox
from payments.models import PaymentAttempt
from payments.sandbox.webhooks import sign
from tests.faults import FULL
from tests.support.orders import AUTHENTICATE, DECLINED, VISA, order_of
from tests.support.sandbox import Sandbox, close_breakers
from tests.support.simulated_time import pass_time

Command = dict[str, Any]


@dataclass
class Case:
    """One cart, from checkout to the final state of its order."""

    cart: CartSnapshot
    sandbox: Sandbox
    method: str = VISA

    @property
    def address(self) -> str:
        """Where its shopper is: nobody else, or the bounds of one network would refuse the later cases."""
        return str(IPv4Address("10.0.0.0") + crc32(self.cart.id.encode()) % 2**24)

    def order(self) -> Order:
        """Place the order in the test's process, whatever the outcome."""
        with suppress(Refusal):
            order_of(self.cart, self.method)
        return self.orders().latest("placed_at")

    def orders(self) -> Any:
        return Order.objects.filter(cart__token=self.cart.id)

    @property
    def reference(self) -> str:
        """The provider's reference of the cart's latest charge.

        If the answer was lost, the shop does not have it: then it is taken from the provider's events.
        """
        attempts = PaymentAttempt.objects.filter(payment__in=self.orders().values("payment")).order_by("-created_at")
        return attempts.values_list("provider_reference", flat=True).first() or self._reference_by_events()

    def _reference_by_events(self) -> str:
        numbers = {order.number for order in self.orders()}
        charges = (event["data"]["object"] for event in reversed(self.sandbox.events()))
        return next((charge["id"] for charge in charges if charge.get("metadata", {}).get("order") in numbers), "")


def checkout_request(case: Case, key: str = "first") -> Command:
    """The app's checkout request."""
    return {
        "work": "post",
        "arguments": {
            "path": f"/api/v1/carts/{case.cart.id}/checkout/",
            "body": json.dumps({"payment_method": case.method, "expected_total": str(case.cart.total)}),
            "headers": {"Idempotency-Key": key},
            "address": case.address,
        },
    }


def run_task(name: str) -> Command:
    return {"work": "task", "arguments": {"name": name}}


def webhook_request(body: dict[str, Any], sandbox: Sandbox) -> Command:
    """The provider's webhook request."""
    raw = json.dumps(body)
    headers = {"Stripe-Signature": sign(raw, sandbox.webhook_secret)}
    return {"work": "post", "arguments": {"path": "/webhooks/stripe/", "body": raw, "headers": headers}}


def deliver_webhooks(sandbox: Sandbox) -> None:
    """The provider redelivers all its events: it cannot know which were stored."""
    for event in sandbox.events():
        raw = json.dumps({name: value for name, value in event.items() if name not in {"tries", "delivered"}})
        webhook_inbox.store_webhook("stripe", raw.encode(), sign(raw, sandbox.webhook_secret))


# --- The shopper, after the crash -------------------------------------------------------------------------------------


def does_nothing(case: Case) -> None: ...


def authenticates(case: Case) -> None:
    if reference := case.reference:
        case.sandbox.answer_challenge(reference, authenticate=True)


def pays_pix(case: Case) -> None:
    if reference := case.reference:
        case.sandbox.pay_pix(reference)


# --- How a case begins; each returns the child's command --------------------------------------------------------------


def shopper_buys(case: Case) -> Command:
    return checkout_request(case)


def answer_gets_lost(case: Case) -> Command:
    case.sandbox.fault("lost_answer", path="/v1/payment_intents", method="POST", times=1)
    return checkout_request(case)


def provider_turns_away(case: Case) -> Command:
    case.sandbox.fault("error", error_status=429, path="/v1/payment_intents", method="POST", times=1)
    return checkout_request(case)


def sweeper_asks(case: Case) -> Command:
    case.sandbox.fault("lost_answer", path="/v1/payment_intents", method="POST", times=1)
    case.order()
    case.sandbox.no_faults()
    close_breakers()
    pass_time(70)
    return run_task("sweep")


def sweeper_finds_nothing(case: Case) -> Command:
    """The call never reached the provider."""
    case.sandbox.fault("error", error_status=500, path="/v1/payment_intents", method="POST", times=1)
    case.order()
    case.sandbox.no_faults()
    close_breakers()
    pass_time(70)
    return run_task("sweep")


def sweeper_withdraws(case: Case) -> Command:
    case.order()
    pass_time(31 * 60)
    return run_task("sweep")


def webhook_is_stored(case: Case) -> Command:
    case.order()
    authenticates(case)
    return webhook_request(_last_event(case.sandbox), case.sandbox)


def webhook_is_settled(case: Case) -> Command:
    case.order()
    authenticates(case)
    deliver_webhooks(case.sandbox)
    return run_task("settle_webhook_events")


def mail_is_sent(case: Case) -> Command:
    case.order()
    return run_task("relay_outbox")


def late_money_goes_back(case: Case) -> Command:
    """Paid a moment after the order was cancelled; the webhook has arrived and the refund is due."""
    case.order()
    case.sandbox.fault("late_pix")
    pass_time(31 * 60)
    tasks.sweep()
    assert case.sandbox.pay_pix(case.reference)
    case.sandbox.no_faults()
    deliver_webhooks(case.sandbox)
    tasks.settle_webhook_events()
    return run_task("relay_outbox")


def refunds_answer_gets_lost(case: Case) -> Command:
    command = late_money_goes_back(case)
    case.sandbox.fault("lost_answer", path="/v1/refunds", method="POST", times=1)
    return command


def _last_event(sandbox: Sandbox) -> dict[str, Any]:
    event = sandbox.events()[-1]
    return {name: value for name, value in event.items() if name not in {"tries", "delivered"}}


@dataclass(frozen=True)
class Scenario:
    """`ends`: the final state of a cart whose buyer keeps retrying: `paid`, `open` or `refunded`."""

    name: str
    begin: Callable[[Case], Command]
    method: str
    ends: str
    shopper: Callable[[Case], None] = does_nothing
    only_in_full: bool = False

    def __str__(self) -> str:
        return self.name.replace(" ", "-")

    @property
    def is_request(self) -> bool:
        """Whether the child runs a shopper's request, which may be repeated, or a background task."""
        return self.begin in {shopper_buys, answer_gets_lost, provider_turns_away}


_ALL = [
    Scenario("buying, approved", shopper_buys, VISA, "paid"),
    Scenario("buying, declined", shopper_buys, DECLINED, "open", only_in_full=True),
    Scenario("buying, answer lost", answer_gets_lost, VISA, "paid"),
    Scenario("buying, declined and answer lost", answer_gets_lost, DECLINED, "open", only_in_full=True),
    Scenario("buying, turned away", provider_turns_away, VISA, "paid", only_in_full=True),
    Scenario("buying, 3-D Secure, authenticated", shopper_buys, AUTHENTICATE, "paid", authenticates),
    Scenario("buying, Pix, paid", shopper_buys, "pix", "paid", pays_pix, only_in_full=True),
    Scenario("storing a webhook", webhook_is_stored, AUTHENTICATE, "paid", only_in_full=True),
    Scenario("settling a webhook", webhook_is_settled, AUTHENTICATE, "paid"),
    Scenario("sweeping, was approved", sweeper_asks, VISA, "paid"),
    Scenario("sweeping, never arrived", sweeper_finds_nothing, VISA, "open", only_in_full=True),
    Scenario("sweeping, 3-D Secure abandoned", sweeper_withdraws, AUTHENTICATE, "open", only_in_full=True),
    Scenario("sending the mail", mail_is_sent, VISA, "paid"),
    Scenario("refunding late Pix", late_money_goes_back, "pix", "refunded", only_in_full=True),
    Scenario("refunding late Pix, answer lost", refunds_answer_gets_lost, "pix", "refunded"),
]
SCENARIOS = [scenario for scenario in _ALL if FULL or not scenario.only_in_full]
