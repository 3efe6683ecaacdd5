"""For each rule: what is past its time goes, what is not stays, and so does what something live still needs."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.core.cache import cache as redis_cache
from django.db import DatabaseError, connection, transaction
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from cart import snapshot
from cart.models import Cart, CartLine, CartStatus
from checkout.models import (
    IdempotencyKey,
    MessageKind,
    Order,
    OrderStatus,
    OutboxMessage,
    Receipt,
    Return,
    ReturnStatus,
)
from config.accounts.models import ApiToken, SignUp
from config.audit.models import Entry
from config.personal_data.models import DataRequest, Wish
from config.retention.metrics import count_past_due, retention_removed
from config.retention.rounds import run_round
from config.retention.rules import RetentionRule, all_rules
from payments.models import PaymentAttempt, Refund, RefundStatus, WebhookEvent
from shipping import address_book
from shipping.addresses import PERSONAL_COLUMNS
from shipping.models import Quote
from tests.support.backoffice import attempt_of, order, page_of, refund_of
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import ADDRESS, filled_cart, ready_cart

pytestmark = pytest.mark.django_db(transaction=True)

NOW = timezone.now().replace(microsecond=0)
MINUTE = timedelta(minutes=1)
RULES = {rule.name: rule for rule in all_rules()}
PIX = {"type": "pix", "code": "00020126"}


@pytest.fixture(autouse=True)
def frozen() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def aged(row: Model, rule: str, column: str, extra: timedelta) -> Any:
    """`row` with `column` as far back as `rule` keeps it, and `extra` further."""
    moment = NOW - timedelta(days=RULES[rule].days) - extra
    changes: dict[str, datetime] = {column: moment}
    if column == "expires_at":
        changes["created_at"] = moment - MINUTE
    if column == "placed_at":
        changes["closed_at"] = moment
    type(row)._base_manager.filter(pk=row.pk).update(**changes)
    row.refresh_from_db()
    return row


def event(number: int = 0, **columns: Any) -> WebhookEvent:
    return WebhookEvent.objects.create(
        provider="stripe", event_id=f"evt_{WebhookEvent.objects.count()}", type="x", payload={}, **columns
    )


def cart_of(snapshot_: Any) -> Cart:
    return Cart.objects.get(token=snapshot_.id)


# How to make a row of each rule, its column of time, and whether its row is done with.
def _message() -> OutboxMessage:
    return OutboxMessage.objects.get(order=order("approved"), kind=MessageKind.CONFIRMATION)


def _key() -> IdempotencyKey:
    cart = cart_of(filled_cart())
    return IdempotencyKey.objects.create(cart=cart, key="k", fingerprint="f", started_at=NOW)


def _attempt() -> PaymentAttempt:
    attempt = attempt_of(order("approved"))
    PaymentAttempt.objects.filter(pk=attempt.pk).update(action=PIX, error="timed out")
    return attempt


def _refund() -> Refund:
    placed = order("approved")
    with transaction.atomic():
        refund = refund_of(placed)
    Refund.objects.filter(pk=refund.pk).update(error="timed out")
    return refund


def _delivered() -> Order:
    placed = order("approved")
    Order.objects.filter(pk=placed.pk).update(status=OrderStatus.DELIVERED)
    return placed


def _data_request() -> DataRequest:
    return DataRequest.objects.create(email="ana@example.com", wish=Wish.COPY, language="en", asked_at=NOW)


def _erased() -> Order:
    placed = _delivered()
    Order.objects.filter(pk=placed.pk).update(email="", phone="", token="")
    return placed


def _quote() -> Quote:
    quote = cart_of(ready_cart()).quote
    assert quote is not None
    return quote


def is_gone(row: Model) -> bool:
    return not type(row)._base_manager.filter(pk=row.pk).exists()


def is_blank(row: Any) -> bool:
    row.refresh_from_db()
    return not any(getattr(row, column) for column in PERSONAL_COLUMNS)


def has_no_traces(row: Any) -> bool:
    row.refresh_from_db()
    return not row.error and not getattr(row, "action", None)


CASES: dict[str, tuple[Callable[[], Model], str, Callable[[Any], bool]]] = {
    "api_tokens": (lambda: ApiToken.objects.keep(UserFactory(), "key"), "expires_at", is_gone),
    "audit": (lambda: Entry.objects.create(verb="row.add", object_type="x"), "at", is_gone),
    "cart_addresses": (lambda: cart_of(ready_cart()), "updated_at", is_blank),
    "carts": (lambda: cart_of(filled_cart()), "updated_at", is_gone),
    "data_requests": (_data_request, "asked_at", is_gone),
    "erased_orders": (_erased, "placed_at", is_blank),
    "idempotency_keys": (_key, "started_at", is_gone),
    "orders": (_delivered, "placed_at", is_blank),
    "outbox_messages": (_message, "sent_at", is_gone),
    "payment_traces": (_attempt, "settled_at", has_no_traces),
    "quotes": (_quote, "expires_at", is_gone),
    "receipts": (lambda: Receipt.objects.create(order=order("approved"), language="en"), "asked_at", is_gone),
    "refund_errors": (_refund, "settled_at", has_no_traces),
    "saved_addresses": (lambda: address_book.save(UserFactory().pk, ADDRESS), "used_at", is_gone),
    "sessions": (lambda: Session.objects.create(session_key="s", expire_date=NOW), "expire_date", is_gone),
    "sign_ups": (lambda: SignUp.objects.ask("ana@example.com", "en"), "asked_at", is_gone),
    "unpaid_orders": (lambda: order("declined"), "placed_at", is_blank),
    "webhook_events": (lambda: event(handled_at=NOW), "handled_at", is_gone),
}


def age_of_entry(entry: Entry, rule: str, extra: timedelta) -> Entry:
    """An entry cannot be made older: another one, written then."""
    moment = NOW - timedelta(days=RULES[rule].days) - extra
    return Entry.objects.create(verb="row.add", object_type="x", at=moment)


def make(name: str, extra: timedelta) -> Any:
    create, column, _is_done = CASES[name]
    row = create()
    return age_of_entry(row, name, extra) if isinstance(row, Entry) else aged(row, name, column, extra)


def test_every_rule_has_a_case() -> None:
    assert set(CASES) == set(RULES)


@pytest.mark.parametrize("name", RULES)
def test_what_is_past_its_time_goes(name: str) -> None:
    row = make(name, MINUTE)
    assert count_past_due(RULES[name]) == 1
    before = retention_removed.labels(name)._value.get()
    assert run_round()[name] == 1
    assert CASES[name][2](row)
    assert count_past_due(RULES[name]) == 0, "it is not selected again"
    assert retention_removed.labels(name)._value.get() == before + 1


@pytest.mark.parametrize("name", RULES)
def test_what_is_not_stays(name: str) -> None:
    row = make(name, -MINUTE)
    assert count_past_due(RULES[name]) == 0
    assert run_round()[name] == 0
    assert not CASES[name][2](row)


@pytest.mark.parametrize("name", RULES)
def test_the_period_is_a_setting(name: str, settings: Any) -> None:
    make(name, -MINUTE)
    settings.RETENTION_DAYS = {**settings.RETENTION_DAYS, name: RULES[name].days - 1}
    assert count_past_due(RULES[name]) == 1


def test_an_event_that_was_set_aside_goes_as_well() -> None:
    row = event(set_aside="not_ours")
    aged(row, "webhook_events", "received_at", MINUTE)
    assert run_round()["webhook_events"] == 1
    assert is_gone(row)


def test_what_was_written_about_a_return_goes_with_its_order() -> None:
    placed = aged(_delivered(), "orders", "placed_at", MINUTE)
    Return.objects.create(
        order=placed, number=f"{placed.number}-1", by_right=True, status=ReturnStatus.EXPECTED, reason="my son's size"
    )
    assert run_round()["orders"] == 1
    assert Return.objects.values_list("number", "reason", "answer").get() == (f"{placed.number}-1", "", "")


class TestCarts:
    def test_the_cart_of_an_order_stays_without_its_address(self) -> None:
        placed = _delivered()
        Cart.objects.update(updated_at=NOW - timedelta(days=400))
        run_round()
        cart = Cart.objects.get(pk=placed.cart_id)
        assert cart.status == CartStatus.ORDERED
        assert is_blank(cart)
        placed.refresh_from_db()
        assert placed.street, "the order has its own"

    def test_an_open_cart_with_a_cancelled_order_stays_too(self) -> None:
        cancelled = order("declined")
        Cart.objects.update(updated_at=NOW - timedelta(days=400))
        run_round()
        assert Cart.objects.get(pk=cancelled.cart_id).status == CartStatus.OPEN

    def test_one_that_is_being_paid_for_is_not_touched(self) -> None:
        waiting = order(None)
        Cart.objects.update(updated_at=NOW - timedelta(days=400))
        run_round()
        cart = Cart.objects.get(pk=waiting.cart_id)
        assert cart.status == CartStatus.CHECKING_OUT
        assert cart.street

    def test_a_returning_shopper_finds_the_products(self) -> None:
        cart = ready_cart(2)
        Cart.objects.update(updated_at=NOW - timedelta(days=RULES["cart_addresses"].days + 1))
        run_round()
        found = snapshot.load(cart.id, None)
        assert [line.sku for line in found.lines] == [line.sku for line in cart.lines]
        assert (found.email, found.address) == ("", None)
        assert found.version > cart.version

    def test_no_copy_in_redis_outlives_it(self) -> None:
        cart = ready_cart()
        Cart.objects.update(updated_at=NOW - timedelta(days=400))
        stale = Cart.objects.with_quote().get(token=cart.id)
        run_round()
        assert not Cart.objects.exists()
        assert not CartLine.objects.exists()
        snapshot.of_cart(stale, lines=[])  # a slow reader
        raw = redis_cache.client.get_client().get(redis_cache.make_key(f"cart:{cart.id}"))
        assert b"forgotten" in raw

    def test_a_locked_cart_is_left_for_the_next_round(self) -> None:
        """Whoever has it open is changing it."""
        other = connection.copy()
        cart = make("carts", MINUTE)
        try:
            with transaction.atomic(using=None):
                other.ensure_connection()
                other.set_autocommit(False)
                with other.cursor() as cursor:
                    cursor.execute("SELECT 1 FROM cart_cart WHERE id = %s FOR UPDATE", [cart.pk])
            run_round()
            assert not is_gone(cart)
            other.rollback()
            run_round()
            assert is_gone(cart)
        finally:
            other.close()


class TestOrders:
    def test_the_books_stay(self, desk: Client) -> None:
        placed = make("orders", MINUTE)
        total, lines = placed.total, placed.lines.count()
        Order.objects.filter(pk=placed.pk).update(user=UserFactory())
        run_round()
        placed.refresh_from_db()
        assert (placed.total, placed.lines.count(), placed.payment.captured) == (total, lines, total)
        assert (placed.user, placed.quote.postal_code) == (None, "")
        assert not placed.opens_to("", None)
        assert desk.get(page_of(placed)).status_code == 200

    @pytest.mark.parametrize("status", [OrderStatus.AWAITING_PAYMENT, OrderStatus.PAID])
    def test_one_that_is_not_finished_keeps_its_address(self, status: OrderStatus) -> None:
        placed = make("orders", MINUTE)
        Order.objects.filter(pk=placed.pk).update(status=status)
        run_round()
        assert not is_blank(placed)

    def test_a_cancelled_one_that_was_paid_is_a_sale(self) -> None:
        placed = make("unpaid_orders", MINUTE)
        PaymentAttempt.objects.filter(payment=placed.payment).update(captured=Decimal("5.00"))
        run_round()
        assert not is_blank(placed)
        aged(placed, "orders", "placed_at", MINUTE)
        run_round()
        assert is_blank(placed)


class TestWhatIsNotDone:
    def test_an_unsent_message_stays(self) -> None:
        message = make("outbox_messages", MINUTE)
        OutboxMessage.objects.update(sent_at=None)
        run_round()
        assert not is_gone(message)

    def test_an_event_that_waits_stays(self) -> None:
        waiting = event(received_at=NOW - timedelta(days=4000))
        run_round()
        assert not is_gone(waiting)

    def test_an_attempt_that_waits_keeps_its_pix_code(self) -> None:
        attempt = attempt_of(order(None))
        PaymentAttempt.objects.update(action=PIX, created_at=NOW - timedelta(days=4000))
        run_round()
        attempt.refresh_from_db()
        assert attempt.action == PIX

    def test_a_refund_that_failed_keeps_its_error(self) -> None:
        refund = make("refund_errors", MINUTE)
        Refund.objects.update(status=RefundStatus.FAILED)
        run_round()
        refund.refresh_from_db()
        assert refund.error

    def test_a_quote_of_an_order_stays(self) -> None:
        quote = Quote.objects.get(pk=order("approved").quote_id)
        aged(quote, "quotes", "expires_at", MINUTE)
        run_round()
        assert not is_gone(quote)


class TestAudit:
    def delete(self, *entries: Entry) -> None:
        """As code would that knows the word."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('audit.retention', 'on', true)")
            cursor.execute("DELETE FROM audit_entry WHERE id = ANY(%s)", [[entry.pk for entry in entries]])

    def test_only_the_round_deletes(self) -> None:
        entry = make("audit", MINUTE)
        run_round()
        assert is_gone(entry)
        entry = make("audit", -MINUTE)
        with pytest.raises(DatabaseError, match="only added to"), transaction.atomic():
            entry.delete()

    def test_nothing_of_the_last_year_can_be_deleted_at_all(self) -> None:
        old = Entry.objects.create(verb="row.add", object_type="x", at=NOW - timedelta(days=400))
        young = Entry.objects.create(verb="row.add", object_type="x", at=NOW - timedelta(days=360))
        with pytest.raises(DatabaseError, match="last year"):
            self.delete(old, young)
        assert not is_gone(old)
        self.delete(old)
        assert is_gone(old)

    @pytest.mark.parametrize("statement", ["UPDATE audit_entry SET reason = 'x'", "TRUNCATE audit_entry"])
    def test_nor_changed_or_emptied(self, statement: str) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_is_not_emptied")
            cursor.execute("SELECT set_config('audit.retention', 'on', true)")
            with pytest.raises(DatabaseError, match="only added to"), transaction.atomic():
                cursor.execute(statement)
            cursor.execute("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_is_not_emptied")

    def test_the_permission_ends_with_the_round(self) -> None:
        make("audit", MINUTE)
        with transaction.atomic():
            RULES["audit"].remove(RULES["audit"].past_due(NOW))
            young = Entry.objects.create(verb="row.add", object_type="x", at=NOW - timedelta(days=400))
            with pytest.raises(DatabaseError, match="only added to"), transaction.atomic():
                young.delete()


def test_rules_are_of_the_apps_and_say_why() -> None:
    for rule in RULES.values():
        assert isinstance(rule, RetentionRule)
        assert str(rule.what) and str(rule.why) and str(rule.effect)
