"""A person who is erased leaves nothing behind but what tax law demands, and that only while its term runs."""

import json
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone, translation

from cart import snapshot
from cart.models import Cart
from checkout import outbox, receipts, shipments
from checkout.discrepancies import discrepancies
from checkout.exceptions import OrderNotAdvanced
from checkout.models import (
    IdempotencyKey,
    Order,
    OrderStatus,
    OutboxMessage,
    Return,
    ReturnStatus,
    Shipment,
    ShipmentEvent,
    ShipmentLine,
    ShipmentStatus,
)
from checkout.tasks import make_receipts
from config.accounts import services as accounts
from config.accounts.models import ApiToken, SignUp, User
from config.audit import services as audit
from config.audit.events import CHANGE
from config.audit.models import Entry
from config.personal_data import services
from config.personal_data.exceptions import StaffAccount
from config.retention.rounds import run_round
from payments.models import Dispute, PaymentAttempt, Refund, RefundStatus, WebhookEvent
from shipping import address_book
from shipping.models import Label
from tests.support.backoffice import attempt_of, dispute_of, page_of, refund_of
from tests.support.backoffice import order as paid_order
from tests.support.factories.accounts import PASSWORD, UserFactory
from tests.support.factories.cart import ADDRESS, CPF, filled_cart, ready_cart
from tests.support.staff import staff_with
from tests.support.traces import traces_of

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL, NAME, STREET, PHONE = "ana@example.com", "Ana Souza", "Avenida Paulista", "11987654321"
MARKS = (EMAIL, NAME, STREET, PHONE, CPF, "QB123456789BR")
# What the table in docs/privacy.md names, of orders that were paid.
KEPT = {"checkout_order": {NAME.casefold(), STREET.casefold(), CPF}}


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


def ended(outcome: str = "approved", **command: Any) -> Order:
    made = paid_order(outcome, **command)
    if outcome == "approved":
        Order.objects.filter(pk=made.pk).update(status=OrderStatus.DELIVERED)
    made.refresh_from_db()
    return made


def with_account() -> User:
    return UserFactory(email=EMAIL, full_name=NAME)


def everything_of(user: User) -> Order:
    """Something of the person in each place where the shop keeps something."""
    client = Client()
    client.post("/account/sign-in/", {"email": EMAIL, "password": PASSWORD})
    client.get("/account/orders/")
    ApiToken.objects.keep(user, "a key", name=f"Phone of {NAME}")
    accounts.prove_address(user)
    SignUp.objects.ask(EMAIL, "en")
    ended("declined")
    Order.objects.update(card_declined=False)
    placed = ended()
    Order.objects.filter(pk=placed.pk).update(user=user)
    ready_cart(user_id=user.pk)
    address_book.save(user.pk, ADDRESS, phone=PHONE, tax_id=CPF)
    Cart.objects.filter(pk=placed.cart_id).update(user=user)
    said = {"note": f"{NAME} <{EMAIL}>, {STREET}, {PHONE}, {CPF}"}
    text = said["note"]
    with transaction.atomic():
        refund_of(placed)
    Refund.objects.update(reason=text, error=text)
    dispute_of(placed, status="lost", note=text)
    PaymentAttempt.objects.update(action=said, error=text)
    reference = attempt_of(placed).provider_reference
    WebhookEvent.objects.create(
        provider="stripe", event_id="evt_1", type="x", payload=said, provider_reference=reference,
        handled_at=timezone.now(), last_error=text,
    )  # fmt: skip
    parcel = Shipment.objects.create(
        order=placed, posted_at=timezone.now(), carrier="Correios", service="PAC", tracking_code="QB123456789BR"
    )
    ShipmentEvent.objects.create(shipment=parcel, at=parcel.posted_at, status=parcel.status, text=text)
    box = {"weight_grams": 1, "length_cm": 1, "width_cm": 1, "height_cm": 1}
    Label.objects.create(
        reference=placed.number,
        service="1",
        service_name="PAC",
        tracking_code="QB123456789BR",
        last_error=text[:200],
        **box,
    )
    Return.objects.create(
        order=placed, number=f"{placed.number}-1", by_right=False, status=ReturnStatus.REFUSED, reason=text, answer=text
    )
    audit.record(None, CHANGE, placed, reference=placed.number, reason=f"{NAME} moved to {STREET}")
    audit.record(None, CHANGE, user, reason=f"{NAME} rang us")
    OutboxMessage.objects.update(last_error=text)
    IdempotencyKey.objects.create(
        cart=placed.cart, key="k", fingerprint="f", started_at=timezone.now(), response_status=201, response_body=said
    )
    placed.refresh_from_db()
    receipts.ask(placed, "en")
    make_receipts()
    return placed


def test_parcels_keep_their_goods_and_no_mail_about_them_is_left() -> None:
    placed = paid_order(products=2)
    line = placed.lines.first()
    shipments.post_parcel(placed, shipments.ParcelToPost(shipments.Tracking("Correios", "", "AA1"), {line.pk: 1}))
    assert services.erase(EMAIL).under_way == [placed.number], "a part is still to be sent"
    shipments.post_parcel(placed, shipments.ParcelToPost(shipments.Tracking("Correios", "", "AA2")))
    for parcel in Shipment.objects.all():
        shipments.record_news(parcel, ShipmentStatus.DELIVERED)
    assert services.erase(EMAIL).is_complete
    assert set(Shipment.objects.values_list("carrier", "tracking_code", "tracking_url")) == {("Correios", "", "")}
    assert ShipmentLine.objects.count() == 2
    assert not OutboxMessage.objects.unsent().exists()


def test_nothing_is_left_but_what_tax_law_demands(caplog: pytest.LogCaptureFixture) -> None:
    placed = everything_of(with_account())
    before = traces_of(MARKS)
    assert before.keys() >= {
        "account_emailaddress", "accounts_user", "accounts_apitoken", "accounts_signup", "audit_entry",
        "cart_cart", "checkout_order",
        "checkout_idempotencykey", "checkout_return", "checkout_shipmentevent", "redis",
        "checkout_outboxmessage", "payments_paymentattempt", "payments_refund", "payments_dispute",
        "payments_webhookevent", "shipping_savedaddress",
    }, "the search finds what is there"  # fmt: skip
    with caplog.at_level(logging.DEBUG):
        erasure = services.erase(EMAIL.upper())
    assert erasure.is_complete
    assert traces_of(MARKS) == KEPT
    assert not [mark for mark in MARKS if mark.casefold() in caplog.text.casefold()]
    assert not Session.objects.exists()
    placed.refresh_from_db()
    assert (placed.email, placed.phone, placed.token, placed.user) == ("", "", "", None)
    assert (placed.name, placed.tax_id, placed.street) == (NAME, CPF, STREET)
    assert not hasattr(placed, "receipt")


def test_what_is_kept_goes_when_its_term_is_over(settings) -> None:
    placed = ended()
    services.erase(EMAIL)
    term = timedelta(days=settings.RETENTION_DAYS["erased_orders"])
    with time_machine.travel(placed.placed_at + term - timedelta(minutes=1), tick=False):
        assert run_round()["erased_orders"] == 0
    with time_machine.travel(placed.placed_at + term + timedelta(minutes=1), tick=False):
        assert run_round()["erased_orders"] == 1
        assert run_round()["erased_orders"] == 0
    assert traces_of(MARKS) == {}


def test_the_books_are_the_same_afterwards() -> None:
    placed = everything_of(with_account())
    Dispute.objects.all().delete()  # its money is not in these books
    books = ("total", "subtotal", "shipping_total", "status", "paid_at", "currency")
    money = ("amount", "status")

    def state() -> list[Any]:
        lines = placed.lines.order_by("pk").values_list("sku", "quantity", "line_total")
        captured = PaymentAttempt.objects.order_by("pk").values_list("captured", "status", "provider_reference")
        orders = Order.objects.order_by("pk").values_list(*books)
        return [list(rows) for rows in (orders, lines, captured, Refund.objects.values_list(*money))]

    before = state()
    services.erase(EMAIL)
    assert state() == before
    assert not discrepancies(timezone.now() - timedelta(days=1), timezone.now() + timedelta(days=1), 10)


def test_a_sign_up_whose_link_was_not_used_goes_too() -> None:
    SignUp.objects.ask(EMAIL, "en")
    other = SignUp.objects.ask("bia@example.com", "en")
    assert [wish["email"] for wish in services.export(EMAIL)["sign_ups"]] == [EMAIL]
    assert services.erase(EMAIL).is_complete
    assert SignUp.objects.get() == other


def test_the_audit_log_says_that_someone_was_erased_and_not_who() -> None:
    everything_of(with_account())
    entries = list(Entry.objects.order_by("pk").values("pk", "verb", "reference", "object_id"))
    services.erase(EMAIL)
    kept = Entry.objects.order_by("pk").values("pk", "verb", "reference", "object_id")
    assert list(kept)[: len(entries)] == entries
    erased = Entry.objects.get(verb="person.erase")
    assert erased.after == {"account": 1, "addresses": 1, "carts": 3, "orders": 2}


def _waits(placed: Order) -> None:
    Order.objects.filter(pk=placed.pk).update(status=OrderStatus.PAID)


def _is_on_its_way(placed: Order) -> None:
    Order.objects.filter(pk=placed.pk).update(status=OrderStatus.SHIPPED)


def _gets_money_back(placed: Order) -> None:
    with transaction.atomic():
        refund_of(placed, status=RefundStatus.PENDING)


def _got_none_back(placed: Order) -> None:
    with transaction.atomic():
        refund_of(placed, status=RefundStatus.FAILED)


def _is_disputed(placed: Order) -> None:
    dispute_of(placed)


def _awaits_an_answer(placed: Order) -> None:
    PaymentAttempt.objects.filter(payment=placed.payment_id).update(status="unknown", settled_at=None)


def _comes_back(placed: Order) -> None:
    Return.objects.create(order=placed, number=f"{placed.number}-1", by_right=True, status=ReturnStatus.EXPECTED)


@pytest.mark.parametrize(
    "happens", [_waits, _is_on_its_way, _gets_money_back, _got_none_back, _is_disputed, _awaits_an_answer, _comes_back]
)
def test_an_order_under_way_keeps_all_and_the_account(happens: Callable[[Order], None]) -> None:
    user = with_account()
    placed = ended()
    Order.objects.filter(pk=placed.pk).update(user=user, email="gift@example.com")
    happens(placed)
    erasure = services.erase(EMAIL)
    assert erasure.under_way == [placed.number]
    placed.refresh_from_db()
    assert (placed.email, placed.name, placed.user) == ("gift@example.com", NAME, user)
    assert placed.token


def test_it_is_finished_once_the_order_is() -> None:
    placed = ended()
    Order.objects.filter(pk=placed.pk).update(user=with_account())
    _waits(placed)
    output = StringIO()
    with pytest.raises(SystemExit) as ending:
        call_command("erase_person", EMAIL, stdout=output, stderr=output)
    assert ending.value.code == 3
    assert placed.number in output.getvalue()
    assert User.objects.exists()
    Order.objects.filter(pk=placed.pk).update(status=OrderStatus.DELIVERED)
    call_command("erase_person", EMAIL, stdout=output, stderr=output)
    assert not User.objects.exists()
    assert traces_of(MARKS) == KEPT


def test_a_parcel_that_nobody_tells_of_has_come_after_two_months() -> None:
    placed = ended()
    _is_on_its_way(placed)
    assert services.erase(EMAIL).under_way
    Order.objects.update(placed_at=timezone.now() - timedelta(days=61))
    assert services.erase(EMAIL).is_complete


def test_declined_cards_count_as_long_as_they_do() -> None:
    declined = ended("declined")
    Order.objects.update(card_declined=True)
    assert services.erase(EMAIL).under_way == [declined.number]
    Order.objects.update(placed_at=timezone.now() - timedelta(days=2))
    assert services.erase(EMAIL).is_complete


def test_a_cart_that_is_being_paid_for_stays_with_its_order() -> None:
    waiting = paid_order(None)
    assert services.erase(EMAIL).under_way == [waiting.number]
    assert Cart.objects.get().email == EMAIL


def test_no_copy_of_a_cart_outlives_it() -> None:
    stays, goes = ended("declined").cart, ready_cart()
    Order.objects.update(card_declined=False)
    assert snapshot.load(stays.token, None).email == snapshot.load(goes.id, None).email == EMAIL
    services.erase(EMAIL)
    assert snapshot.load(stays.token, None).email == ""
    assert not Cart.objects.filter(token=goes.id).exists()


def test_others_keep_theirs_and_lose_this_address() -> None:
    other = UserFactory(full_name="Rui Lima")
    theirs = ended()
    Order.objects.filter(pk=theirs.pk).update(user=other, name="Rui Lima")
    cart = ready_cart(user_id=other.pk)
    stranger = ended()
    Order.objects.filter(pk=stranger.pk).update(email="rui@example.com")
    Cart.objects.filter(pk=stranger.cart_id).update(email="rui@example.com")
    rows = services.erase(EMAIL).rows
    assert rows == {"addresses": 0, "orders": 0, "carts": 1, "account": 0}, "the guest's cart of their order"
    theirs.refresh_from_db()
    stranger.refresh_from_db()
    assert (theirs.email, theirs.name, theirs.user) == (other.email, "Rui Lima", other)
    assert theirs.token
    assert (stranger.email, stranger.phone) == ("rui@example.com", PHONE)
    left = snapshot.load(cart.id, other.pk)
    assert (left.email, left.phone) == ("", PHONE)
    assert EMAIL not in traces_of([EMAIL])


def test_the_account_of_staff_is_not_erased() -> None:
    UserFactory(email=EMAIL, is_staff=True)
    with pytest.raises(StaffAccount):
        services.erase(EMAIL)
    with pytest.raises(CommandError, match="member of staff"):
        call_command("erase_person", EMAIL)
    assert User.objects.exists()


def test_staff_still_see_the_order_and_send_it_nothing() -> None:
    placed = ended()
    services.erase(EMAIL)
    placed.refresh_from_db()
    assert staff_with("checkout.view_order").get(page_of(placed)).status_code == 200
    with pytest.raises(OrderNotAdvanced, match="no longer has an e-mail"):
        outbox.resend_confirmation(placed)
    assert Client().get(f"/orders/{placed.number}/?token=").status_code == 404


def test_a_mail_that_was_not_sent_is_not_sent_any_more(mailoutbox) -> None:
    ended()
    services.erase(EMAIL)
    outbox.relay()
    assert mailoutbox == []


def test_an_export_has_it_all(capsys: pytest.CaptureFixture[str]) -> None:
    user = with_account()
    placed = everything_of(user)
    call_command("export_person", EMAIL)
    known = json.loads(capsys.readouterr().out)
    assert [account["email"] for account in known["account"]] == [EMAIL]
    assert [device["name"] for device in known["account"][0]["devices"]] == [f"Phone of {NAME}"]
    mine = next(order for order in known["orders"] if order["number"] == placed.number)
    assert (mine["tax_id"], mine["name"], mine["street"], mine["phone"]) == (CPF, NAME, STREET, PHONE)
    assert [line["sku"] for line in mine["lines"]] == [line.sku for line in placed.sold]
    assert len(mine["refunds"]) == 1
    assert "confirmation" in [mail["kind"] for mail in mine["mails"]]
    assert [(parcel["carrier"], parcel["service"]) for parcel in mine["parcels"]] == [("Correios", "PAC")]
    assert any(cart["lines"] for cart in known["carts"])
    (saved,) = known["addresses"]
    assert (saved["name"], saved["street"], saved["phone"], saved["tax_id"]) == (NAME, STREET, PHONE, CPF)
    assert placed.token not in json.dumps(known), "a secret is no data"
    assert Entry.objects.get(verb="person.export").after is None


def test_of_a_stranger_there_is_nothing() -> None:
    ended()
    filled_cart()
    assert not any(services.export("nobody@example.com").values())
    assert services.erase("nobody@example.com").rows == {"account": 0, "addresses": 0, "carts": 0, "orders": 0}
    assert Order.objects.get().email == EMAIL


@pytest.mark.parametrize("command", ["export_person", "erase_person"])
@pytest.mark.parametrize("typed", ["", " ", "ana"])
def test_without_an_address_nobody_is_found_not_even_who_is_erased(command: str, typed: str) -> None:
    placed = ended()
    services.erase(EMAIL)
    with pytest.raises(CommandError, match="not an e-mail address"):
        call_command(command, typed)
    placed.refresh_from_db()
    assert placed.name == NAME
