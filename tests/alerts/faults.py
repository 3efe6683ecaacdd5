"""One fault for each alert, as a context manager on a real shop: on inside the `with`, off after it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import redis
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from checkout.models import Order, OrderStatus, OutboxMessage
from checkout.services import refund_order
from checkout.settle_refunds import settle_charge
from config.celery import app as celery_app
from inventory.models import Product, Stock
from payments.models import AttemptStatus, PaymentAttempt, ReconcileCursor, StrayCharge, WebhookEvent
from payments.reconcile import resolve_unmatched
from tests.support.ending import kill
from tests.support.orders import eventually
from tests.support.sandbox import Sandbox
from tests.support.shop import Shop
from tests.support.simulated_time import pass_time
from tests.support.traffic import buy

LONG_SECONDS = 400


@dataclass
class Stage:
    """A shop with all the servers it depends on."""

    shop: Shop
    sandbox: Sandbox
    product: Product
    worker: object

    def buy(self) -> int:
        return buy(self.shop.url, self.product.sku)[-1].status

    @contextmanager
    def no_worker(self) -> Iterator[None]:
        kill(self.worker)  # type: ignore[arg-type]
        try:
            yield
        finally:
            self.worker = self.shop.start_worker()


@dataclass(frozen=True)
class Fault:
    """`under_load`: shoppers keep buying until the alert has cleared."""

    alert: str
    description: str
    switched_on: Callable[[Stage], AbstractContextManager[None]]
    under_load: bool


FAULTS: dict[str, Fault] = {}


def fault(alert: str, description: str, *, under_load: bool = False) -> Callable[..., Callable[..., Iterator[None]]]:
    def register(function: Callable[[Stage], Iterator[None]]) -> Callable[[Stage], Iterator[None]]:
        FAULTS[alert] = Fault(alert, description, contextmanager(function), under_load)
        return function

    return register


@contextmanager
def provider_that(stage: Stage, kind: str, **fields: object) -> Iterator[None]:
    stage.sandbox.fault(kind, **fields)
    try:
        yield
    finally:
        stage.sandbox.no_faults()


# --- The checkout -----------------------------------------------------------------------------------------------------


@fault("CheckoutSlow", "the provider takes 1.4 s to answer", under_load=True)
def slow_provider(stage: Stage) -> Iterator[None]:
    with provider_that(stage, "slow", latency_ms=1400):
        yield


@fault("CheckoutErrorBudgetBurnsFast", "the provider refuses our key in one call of three", under_load=True)
def failing_provider(stage: Stage) -> Iterator[None]:
    with provider_that(stage, "error", error_status=401, probability=0.3):
        yield


@fault("CheckoutErrorBudgetBurnsSlowly", "the same for a while; told once the fast burn is over", under_load=True)
def provider_that_failed(stage: Stage) -> Iterator[None]:
    """While the failures go on, the fast burn inhibits the slow one."""
    with provider_that(stage, "error", error_status=401, probability=0.3):
        failures = [stage.buy() for _ in range(20)].count(503)
        while not failures:
            failures += stage.buy() == 503
    yield


@fault("UnpaidHoldsAtBound", "one address asks for forty Pix codes and pays none")
def unpaid_codes(stage: Stage) -> Iterator[None]:
    answers = [buy(stage.shop.url, stage.product.sku, "pix")[-1].status for _ in range(40)]
    assert answers == [202] * 20 + [503] * 20
    yield


@fault("CheckoutLockErrors", "Redis is away", under_load=True)
def no_redis(stage: Stage) -> Iterator[None]:
    stage.shop.redis.set("refused")
    try:
        yield
    finally:
        stage.shop.redis.set("open")


@fault("CacheHitRateLow", "Redis is away", under_load=True)
def no_cache(stage: Stage) -> Iterator[None]:
    yield from no_redis(stage)


# --- Outside services -------------------------------------------------------------------------------------------------


@fault("BreakerOpen", "the provider answers with errors of its own", under_load=True)
def broken_provider(stage: Stage) -> Iterator[None]:
    with provider_that(stage, "error", error_status=500):
        yield


@fault("PaymentOutcomeUnknown", "the provider's answer is lost and no worker asks again; 400 s pass")
def lost_answer(stage: Stage) -> Iterator[None]:
    with stage.no_worker():
        with provider_that(stage, "lost_answer", path="/v1/payment_intents"):
            stage.buy()
        assert PaymentAttempt.objects.filter(status=AttemptStatus.UNKNOWN).exists()
        pass_time(LONG_SECONDS)
        yield


@fault("SweeperBehind", "the worker is killed while a Pix code waits; 400 s pass")
def no_sweeper(stage: Stage) -> Iterator[None]:
    with stage.no_worker():
        assert buy(stage.shop.url, stage.product.sku, "pix")[-1].status == 202
        pass_time(LONG_SECONDS)
        yield


@fault("WebhooksBehind", "the worker is killed, a message of the provider arrives; 400 s pass")
def unread_inbox(stage: Stage) -> Iterator[None]:
    with stage.no_worker():
        stage.sandbox.deliver_to(f"{stage.shop.url}/webhooks/stripe/")
        assert stage.buy() == 201
        eventually(lambda: WebhookEvent.objects.waiting().exists())
        stage.sandbox.deliver_to("")
        pass_time(LONG_SECONDS)
        yield


@fault("ReconciliationBehind", "the worker is killed; 40 minutes pass")
def uncompared_charges(stage: Stage) -> Iterator[None]:
    with stage.no_worker():
        with transaction.atomic():
            now = timezone.now()
            ReconcileCursor.objects.claim("charges_1m", now, now - timedelta(minutes=41))
        try:
            yield
        finally:
            ReconcileCursor.objects.all().delete()


# --- Queues -----------------------------------------------------------------------------------------------------------


@fault("OutboxOld", "the mail server is away while somebody buys; 400 s pass")
def no_mail(stage: Stage) -> Iterator[None]:
    stage.shop.mail.set("refused")
    try:
        assert stage.buy() == 201
        eventually(lambda: OutboxMessage.objects.unsent().exclude(last_error="").exists(), 30)
        pass_time(LONG_SECONDS)
        yield
    finally:
        stage.shop.mail.set("open")
        pass_time(LONG_SECONDS)  # the backoff before the next attempt is over


@fault("TasksBehind", "the worker is killed; a task in the queue was sent 200 s ago")
def waiting_tasks(stage: Stage) -> Iterator[None]:
    with stage.no_worker():
        with redis.Redis.from_url(stage.shop.broker_url) as broker:
            broker.delete("celery")
        sent_at = datetime.now(UTC) - timedelta(seconds=200)
        with time_machine.travel(sent_at), celery_app.connection_for_write(stage.shop.broker_url) as connection:
            celery_app.send_task("checkout.tasks.relay_outbox", connection=connection)
        yield


# --- Invariants that the database enforces: broken by hand, bypassing the code ----------------------------------------


@fault("MoneyOutOfBalance", "a paid order of ten minutes ago is called cancelled by hand, with no refund")
def unbalanced_money(stage: Stage) -> Iterator[None]:
    assert stage.buy() == 201
    order = Order.objects.filter(status=OrderStatus.PAID).latest("placed_at")
    row = Order.objects.filter(pk=order.pk)
    row.update(status=OrderStatus.CANCELLED, placed_at=timezone.now() - timedelta(minutes=10))
    try:
        yield
    finally:
        row.update(status=OrderStatus.PAID)


@fault("RefundNotPaid", "the provider refuses a refund")
def refused_refund(stage: Stage) -> Iterator[None]:
    assert stage.buy() == 201
    order = Order.objects.filter(status=OrderStatus.PAID).latest("placed_at")
    with provider_that(stage, "refunds_refused"):
        refund_order(order, amount=Decimal("1.00"), reason="torn", restock=False, idempotency_key="refused")
    try:
        yield
    finally:
        refund_order(order, amount=Decimal("1.00"), reason="torn", restock=False, idempotency_key="again")


@fault("ChargeUnmatched", "the provider holds a charge that no attempt of ours asked for")
def unmatched_charge(stage: Stage) -> Iterator[None]:
    charge = StrayCharge.objects.create(
        provider="stripe", provider_reference="pi_of_nobody", amount=Decimal("59.90"), currency="BRL"
    )
    try:
        yield
    finally:
        resolve_unmatched(charge, by=None, note="refunded in the dashboard")


@fault("DisputeOpen", "a shopper disputes a charge; the bank decides for the shop")
def open_dispute(stage: Stage) -> Iterator[None]:
    assert stage.buy() == 201
    order = Order.objects.filter(status=OrderStatus.PAID).latest("placed_at")
    attempt = PaymentAttempt.objects.with_payment().get(payment=order.payment_id)
    dispute = stage.sandbox.dispute(attempt.provider_reference)
    settle_charge(attempt)
    try:
        yield
    finally:
        stage.sandbox.move_dispute(dispute["id"], "won")
        settle_charge(attempt)


@fault("StockOversold", "the constraint is dropped, and a row promises one more than it has")
def oversold_stock(stage: Stage) -> Iterator[None]:
    (constraint,) = (one for one in Stock._meta.constraints if one.name == "stock_reserved_within_on_hand")
    row = Stock.objects.filter(product=stage.product)
    on_hand, reserved = row.values_list("on_hand", "reserved").get()
    with connection.schema_editor() as editor:
        editor.remove_constraint(Stock, constraint)
    try:
        row.update(reserved=on_hand + 1)
        yield
    finally:
        row.update(reserved=reserved)
        with connection.schema_editor() as editor:
            editor.add_constraint(Stock, constraint)


# --- Monitoring itself ------------------------------------------------------------------------------------------------


@fault("ShopNotMeasured", "the web server is gone")
def no_web_server(stage: Stage) -> Iterator[None]:
    stage.shop.close()
    try:
        yield
    finally:
        stage.shop.open()


@fault("GaugesUnread", "the broker is away")
def no_broker(stage: Stage) -> Iterator[None]:
    stage.shop.broker.set("refused")
    try:
        yield
    finally:
        stage.shop.broker.set("open")
