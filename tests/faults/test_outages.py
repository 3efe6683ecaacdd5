"""Outages under load, with the real web server, worker and beat: no optional server stops a sale."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import pytest
from django.db import connection, transaction
from django.utils import timezone

from cart.services import parcel_of
from checkout.models import Order, OutboxMessage
from config.resilience.breakers import FAILURES_BEFORE_OPENING, OPEN_SECONDS
from inventory.models import Product
from shipping import carriers
from shipping.rate_table import options_by_table
from tests.faults import FULL
from tests.support.books import Books
from tests.support.carrier import StandInCarrier
from tests.support.ending import kill
from tests.support.factories.cart import flat_shipping
from tests.support.factories.inventory import ProductFactory
from tests.support.mail_sink import MailSink
from tests.support.orders import eventually
from tests.support.proxy import Mode, Proxy
from tests.support.sandbox import Sandbox
from tests.support.shop import PAYMENT_SECONDS, Shop, running
from tests.support.simulated_time import pass_time, two_minutes
from tests.support.slow_clients import A_LOT, BODY, slow_clients
from tests.support.traffic import Load, buy, call, under_load

pytestmark = pytest.mark.django_db(transaction=True)

# How many shoppers finish before, during and after the outage.
SHOPPERS = 60 if FULL else 8
# Two timeouts of a Redis that hangs, 0.2 s each, on a busy machine.
LONGEST_SECONDS = 5.0


@pytest.fixture
def product(books: Books) -> Product:
    flat_shipping()
    made = ProductFactory(stock=10_000)
    books.open()
    return made


@pytest.fixture
def shop(tmp_path: Path, sandbox: Sandbox, mails: MailSink, product: Product) -> Iterator[Shop]:
    with running(tmp_path, sandbox, mails) as opened:
        assert buy(opened.url, product.sku)[-1].status == 201
        yield opened


def assert_all_bought(load: Load, longest: float = LONGEST_SECONDS) -> None:
    assert {status for _step, status in load.statuses()} <= {200, 201}, load.statuses()
    assert max(answer.seconds for answer in load.answers) < longest


# --- Redis ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["refused", "hanging", *(["slow"] if FULL else [])])
def test_redis_down(mode: Mode, shop: Shop, product: Product, books: Books) -> None:
    with under_load(shop.url, product.sku) as load:
        load.wait_for(SHOPPERS)
        shop.redis.set(mode)
        load.wait_for(SHOPPERS)
        shop.redis.set("open")
        load.wait_for(SHOPPERS)
    assert_all_bought(load)
    two_minutes()
    books.check(f"Redis {mode} under load", len(load.checkouts))


def test_redis_flushed_midway(shop: Shop, product: Product, books: Books) -> None:
    with under_load(shop.url, product.sku) as load:
        for _ in range(6 if FULL else 3):
            load.wait_for(SHOPPERS // 2)
            shop.flush_redis()
        load.wait_for(SHOPPERS)
    assert_all_bought(load)
    two_minutes()
    books.check("Redis flushed under load", len(load.checkouts))


# --- Strangers --------------------------------------------------------------------------------------------------------


def test_slow_bodies(shop: Shop, product: Product, books: Books) -> None:
    """Five times as many as there are threads, straight at the web process: shoppers do not notice."""
    with under_load(shop.url, product.sku) as load:
        load.wait_for(SHOPPERS)
        usual = len(load.answers)
        with slow_clients(shop.port, 40, BODY + b" " * A_LOT) as slow:
            load.wait_for(SHOPPERS)
            # Whoever was cut off comes back, one after the other.
            assert slow.open >= 39
            among = len(load.answers)
        load.wait_for(SHOPPERS)
    assert_all_bought(load)
    without, beside = (median(answer.seconds for answer in part) for part in (
        load.answers[:usual] + load.answers[among:], load.answers[usual:among]
    ))  # fmt: skip
    assert beside < 3 * without
    two_minutes()
    books.check("40 slow bodies under load", len(load.checkouts))


# --- Broker, worker, mail ---------------------------------------------------------------------------------------------


def mails_for_all(mails: MailSink) -> bool:
    return len(mails.by_order()) == Order.objects.filter(status="paid").count()


def next_attempt(shop: Shop, product: Product) -> bool:
    """The backoff has passed, and the next order nudges the relay."""
    pass_time(60)
    bought = buy(shop.url, product.sku)[-1].status == 201
    time.sleep(1)
    return bought


@pytest.mark.parametrize("mode", ["refused", *(["hanging"] if FULL else [])])
def test_broker_down(mode: Mode, shop: Shop, product: Product, books: Books, mails: MailSink) -> None:
    """No request waits for it, and mail is sent when it is back."""
    shop.start_worker()
    shop.start_beat()
    eventually(lambda: mails_for_all(mails), 60)
    shop.broker.set(mode)
    before = mails.by_order().total()
    with under_load(shop.url, product.sku) as load:
        load.wait_for(SHOPPERS)
    assert_all_bought(load)
    assert mails.by_order().total() == before
    shop.broker.set("open")
    eventually(lambda: mails_for_all(mails), 90)
    eventually(lambda: not OutboxMessage.objects.unsent().exists())
    books.check(f"broker {mode} under load", len(load.checkouts))


@pytest.mark.parametrize("mode", ["refused", *(["hanging"] if FULL else [])])
def test_mail_server_down(mode: Mode, shop: Shop, product: Product, books: Books, mails: MailSink) -> None:
    """Staff see the error; the mail is retried later, and arrives once."""
    shop.start_worker()
    eventually(lambda: mails_for_all(mails), 60)
    shop.mail.set(mode)
    with under_load(shop.url, product.sku) as load:
        load.wait_for(SHOPPERS)
    assert_all_bought(load)
    waiting = OutboxMessage.objects.unsent().exclude(last_error="")
    eventually(lambda: waiting.exists(), 30)
    assert waiting[0].due_at > timezone.now() + timedelta(seconds=20)
    shop.mail.set("open")
    eventually(lambda: next_attempt(shop, product) and mails_for_all(mails), 90)
    two_minutes()
    books.check(f"mail server {mode} under load", len(load.checkouts))


def test_worker_killed_while_it_sends(shop: Shop, product: Product, books: Books, mails: MailSink) -> None:
    """Its task is redelivered to another worker, and the mail arrives once."""
    worker = shop.start_worker()
    eventually(lambda: mails_for_all(mails), 60)
    kills = 3 if FULL else 1
    for _ in range(kills):
        shop.mail.set("hanging")
        number = buy(shop.url, product.sku)[-1].document["number"]
        message = OutboxMessage.objects.filter(order__number=number)
        eventually(lambda message=message: message.get().tries == 1, 30)
        kill(worker)
        assert message.get().sent_at is None
        shop.mail.set("open")
        assert number not in mails.by_order()
        worker = shop.start_worker()
        eventually(lambda number=number: next_attempt(shop, product) and number in mails.by_order(), 60)
    eventually(lambda: mails_for_all(mails), 30)
    eventually(lambda: not OutboxMessage.objects.unsent().exists())
    books.check("worker killed while it sends", kills)


@contextmanager
def outbox_locked() -> Iterator[None]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE checkout_outboxmessage IN ACCESS EXCLUSIVE MODE")
        yield


def is_outbox_awaited() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE relation = 'checkout_outboxmessage'::regclass AND NOT granted")
        return cursor.fetchone() is not None


def test_task_of_a_killed_worker_is_redelivered(shop: Shop, product: Product, books: Books, mails: MailSink) -> None:
    """By Celery alone: there is no second nudge and no beat, and the outbox has not been touched yet."""
    eventually(lambda: shop.tasks() == (1, 0))
    kills = 3 if FULL else 1
    for _ in range(kills):
        with outbox_locked():
            worker = shop.start_worker(application="tests.faults.impatient")
            eventually(is_outbox_awaited, 30)
            assert shop.tasks() == (0, 1)
            kill(worker)
        assert mails.by_order().total() == 0
    worker = shop.start_worker(application="tests.faults.impatient")
    eventually(lambda: mails_for_all(mails) and shop.tasks() == (0, 0), 30)
    assert [message.tries for message in OutboxMessage.objects.all()] == [1]
    books.check("worker killed before it did its task", kills)


# --- The carrier ------------------------------------------------------------------------------------------------------

# The carrier's timeout in these tests, and what a busy machine may add.
CARRIER_SECONDS = 1.0
MARGIN_SECONDS = 2.0


@pytest.fixture
def line_to_carrier(carrier: StandInCarrier) -> Iterator[Proxy]:
    proxy = Proxy(("127.0.0.1", urlsplit(carrier.base_url).port or 0))
    yield proxy
    proxy.stop()


@pytest.fixture
def shop_with_carrier(
    tmp_path: Path, sandbox: Sandbox, mails: MailSink, product: Product, carrier: StandInCarrier, line_to_carrier: Proxy
) -> Iterator[Shop]:
    carrier_settings = {
        "MELHOR_ENVIO_API_BASE": f"http://127.0.0.1:{line_to_carrier.port}",
        "MELHOR_ENVIO_TOKEN": carrier.token,
        "MELHOR_ENVIO_CONTACT": "tech@esteira.example",
        "CARRIER_SECONDS": str(CARRIER_SECONDS),
    }
    with running(tmp_path, sandbox, mails, **carrier_settings) as opened:
        assert buy(opened.url, product.sku)[-1].status == 201
        yield opened


def break_carrier(how: str, carrier: StandInCarrier, line: Proxy) -> None:
    match how:
        case "refused" | "hanging":
            line.set(how)
        case "answers 500":
            carrier.fault("error", error_status=500)
        case "answers nonsense":
            carrier.fault("garbage")
        case "too slow":
            carrier.fault("slow", latency_ms=1000 * (CARRIER_SECONDS + 1))


def restore_carrier(carrier: StandInCarrier, line: Proxy) -> None:
    line.set("open")
    carrier.no_faults()


def orders_by_rate(product: Product) -> Counter[str]:
    """Orders by source of their freight; each must have that source's price for its parcel and destination."""
    parcel = parcel_of([(product, 1)], "BRL")
    orders = Order.objects.select_related("quote")
    for order in orders:
        ways = [*carriers.rates(parcel, order.postal_code), *options_by_table(parcel, order.postal_code)]
        prices = {way.code: way.price for way in ways}
        assert order.shipping_total == prices[order.quote.method_code] > 0
    return Counter("table" if order.quote.method_code == "flat" else "carrier" for order in orders)


def is_quoted_by_carrier(shop: Shop, product: Product) -> bool:
    number = buy(shop.url, product.sku)[-1].document["number"]
    return Order.objects.select_related("quote").get(number=number).quote.method_code != "flat"


@pytest.mark.parametrize(
    "how", ["hanging", "answers 500", *(["refused", "answers nonsense", "too slow"] if FULL else [])]
)
def test_carrier_down(
    how: str, shop_with_carrier: Shop, product: Product, books: Books, carrier: StandInCarrier, line_to_carrier: Proxy
) -> None:
    """Freight comes from the rate table, never none: within the timeout, and at once when the circuit opens."""
    shop = shop_with_carrier
    with under_load(shop.url, product.sku) as before:
        before.wait_for(SHOPPERS // 4)
    assert_all_bought(before, CARRIER_SECONDS + MARGIN_SECONDS)
    at_first = orders_by_rate(product)
    assert at_first["carrier"] > at_first["table"]
    break_carrier(how, carrier, line_to_carrier)
    with under_load(shop.url, product.sku) as during:
        during.wait_for(FAILURES_BEFORE_OPENING + SHOPPERS)
    assert_all_bought(during, CARRIER_SECONDS + MARGIN_SECONDS)
    assert shop.is_circuit_open("melhor_envio")
    waits = sorted(answer.seconds for answer in during.answers if answer.step == "shipping-options")
    assert waits[len(waits) // 2] < CARRIER_SECONDS / 2
    restore_carrier(carrier, line_to_carrier)
    assert orders_by_rate(product)["table"] - at_first["table"] == len(during.checkouts)
    if how == "refused":
        # A cooldown of half a minute, once.
        eventually(lambda: is_quoted_by_carrier(shop, product), OPEN_SECONDS + 15)
    two_minutes()
    books.check(f"carrier {how} under load", len(before.checkouts) + len(during.checkouts))


def test_carrier_slow(shop_with_carrier: Shop, product: Product, books: Books, carrier: StandInCarrier) -> None:
    """Slow, but within the timeout: its prices are used."""
    carrier.fault("slow", latency_ms=CARRIER_SECONDS * 400)
    with under_load(shop_with_carrier.url, product.sku) as load:
        load.wait_for(SHOPPERS)
    assert_all_bought(load, CARRIER_SECONDS + MARGIN_SECONDS)
    carrier.no_faults()
    ways = orders_by_rate(product)
    assert ways["carrier"] > ways["table"]
    two_minutes()
    books.check("carrier slow under load", len(load.checkouts))


# --- The payment provider ---------------------------------------------------------------------------------------------


def assert_cart_kept(shop: Shop, product: Product) -> None:
    """A refused shopper finds the cart unchanged, and the response says when to retry."""
    api = f"{shop.url}/api/v1/carts/"
    answers = buy(shop.url, product.sku)
    cart, refused = answers[-2].document, answers[-1]
    assert (refused.status, refused.document["code"]) == (503, "payment_unavailable")
    assert int(refused.retry_after) >= 1
    now = call("GET", f"{api}{cart['id']}/").document
    assert (now["status"], now["lines"], now["total"]) == ("open", cart["lines"], cart["total"])


PROVIDER = {
    "refused": {"kind": "refused", "seconds": 300},
    "hanging": {"kind": "hang", "seconds": 4},
    "answers 500": {"kind": "error", "error_status": 500},
    "turns away": {"kind": "error", "error_status": 429},
}


@pytest.mark.parametrize("how", PROVIDER if FULL else ["hanging", "answers 500"])
def test_provider_down(how: str, shop: Shop, product: Product, books: Books, sandbox: Sandbox) -> None:
    """Clean refusals within the timeout; then the circuit opens: refused at once, and the cart is kept."""
    fault = PROVIDER[how] | ({"seconds": 20} if how == "refused" else {})
    sandbox.fault(**fault)
    down_since = time.monotonic()
    with under_load(shop.url, product.sku) as load:
        load.wait_for(2 * FAILURES_BEFORE_OPENING + SHOPPERS)
    assert {answer.status for answer in load.checkouts} <= {202, 503}, load.statuses()
    others = [answer for answer in load.answers if answer.step != "checkout"]
    assert {answer.status for answer in others} <= {200, 201}
    assert max(answer.seconds for answer in load.checkouts) < PAYMENT_SECONDS + 2
    refused = [answer for answer in load.checkouts if answer.status == 503]
    assert len(refused) >= SHOPPERS
    assert all(int(answer.retry_after) >= 1 for answer in refused)
    # "At once" on a busy machine: as slow as the shop's other responses.
    assert median(answer.seconds for answer in refused) < 3 * median(answer.seconds for answer in others)
    assert_cart_kept(shop, product)
    if how == "refused":
        time.sleep(max(0.0, down_since + 21 - time.monotonic()))
    else:
        sandbox.no_faults()
    time.sleep(3 if how == "hanging" else 0)
    pass_time(31 * 60)
    for _ in range(2):
        two_minutes()
    books.check(f"provider {how} under load", len(load.checkouts))


def test_provider_slow(shop: Shop, product: Product, books: Books, sandbox: Sandbox) -> None:
    sandbox.fault("slow", latency_ms=500)
    with under_load(shop.url, product.sku) as load:
        load.wait_for(SHOPPERS)
    assert_all_bought(load, PAYMENT_SECONDS + 2)
    two_minutes()
    books.check("provider slow under load", len(load.checkouts))
