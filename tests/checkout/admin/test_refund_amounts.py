"""The amount of a refund: read as it was meant in either language, and written out before any money leaves."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from checkout.models import Order
from payments.models import Refund
from tests.support.backoffice import confirmed_by, told
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import order_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sandbox")]

LANGUAGES = ("en", "pt-br")
TEN_AND_A_HALF = {"en": "R$\u00a010.50", "pt-br": "R$\u00a010,50"}
THE_REST = {"en": "R$\u00a01,423.62", "pt-br": "R$\u00a01.423,62"}


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest, desk: Client) -> str:
    desk.cookies["django_language"] = request.param
    return str(request.param)


@pytest.fixture
def made() -> Order:
    """The order of the report: R$ 1,434.12."""
    order = order_of(ready_cart([ProductFactory(price="1424.12", stock=5)]))
    assert order.total == Decimal("1434.12")
    return order


def url_of(made: Order) -> str:
    return reverse("admin:checkout_order_refund", args=[made.pk])


def typed(desk: Client, made: Order, amount: str) -> dict[str, str]:
    key = desk.get(url_of(made)).context["form"]["key"].value()
    return {"amount": amount, "reason": "scratched", "key": key}


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


@pytest.mark.parametrize("amount", ["10,50", "10.50", "10,5"])
def test_what_will_be_paid_back_is_written_out_and_only_then_paid(
    amount: str, language: str, desk: Client, made: Order, sandbox
) -> None:
    fields = typed(desk, made, amount)
    page = desk.post(url_of(made), fields)
    assert page.status_code == 200
    assert f"<strong>{TEN_AND_A_HALF[language]}</strong>" in text_of(page)
    assert THE_REST[language] in text_of(page)
    assert made.number in text_of(page)
    assert page.context["form"]["key"].value() == fields["key"]
    assert sandbox.ledger()["refunded"] == 0
    assert not Refund.objects.exists()

    (message,) = told(desk.post(url_of(made), {**fields, **confirmed_by(page)}, follow=True))
    assert TEN_AND_A_HALF[language] in message
    assert sandbox.ledger()["refunded"] == 1050
    assert Refund.objects.get().idempotency_key == fields["key"]


@pytest.mark.parametrize("amount", ["1,050", "10.500", "1,43,4.12", "10,5055", "-10,50", "ten"])
def test_what_is_ambiguous_or_no_amount_is_asked_again_with_a_sentence(
    amount: str, language: str, desk: Client, made: Order, sandbox
) -> None:
    fields = typed(desk, made, amount)
    for sent in (fields, {**fields, "confirmed": "10.50"}, {**fields, "confirmed": amount}):
        page = desk.post(url_of(made), sent)
        assert page.status_code == 409
        assert page.context["form"].errors["amount"]
        assert f'value="{amount}"' in text_of(page)
        assert confirmed_by(page) == {}
    assert sandbox.ledger()["refunded"] == 0


def test_another_amount_than_the_confirmed_one_is_asked_about_anew(desk: Client, made: Order, sandbox) -> None:
    fields = typed(desk, made, "10,50")
    confirmed = confirmed_by(desk.post(url_of(made), fields))
    page = desk.post(url_of(made), {**fields, "amount": "105,00", **confirmed})
    assert "<strong>R$\u00a0105.00</strong>" in text_of(page)
    assert sandbox.ledger()["refunded"] == 0
    desk.post(url_of(made), {**fields, "amount": "105,00", **confirmed_by(page)})
    assert sandbox.ledger()["refunded"] == 10500


def test_confirming_twice_pays_once(desk: Client, made: Order, sandbox) -> None:
    fields = typed(desk, made, "10.50")
    confirmed = {**fields, **confirmed_by(desk.post(url_of(made), fields))}
    for _ in range(2):
        desk.post(url_of(made), confirmed, follow=True)
    assert sandbox.ledger()["refunded"] == 1050
    assert "nothing was paid twice" in told(desk.post(url_of(made), confirmed, follow=True))[0]


def test_the_whole_amount_is_shown_as_the_field_reads_it(language: str, desk: Client, made: Order, sandbox) -> None:
    form = desk.get(url_of(made)).context["form"]
    fields = {"amount": form["amount"].value(), "reason": "torn", "key": form["key"].value(), "restock": "on"}
    assert fields["amount"] == {"en": "1434.12", "pt-br": "1434,12"}[language]
    page = desk.post(url_of(made), fields)
    desk.post(url_of(made), {**fields, **confirmed_by(page)})
    assert sandbox.ledger()["balance"] == 0


def test_more_than_there_is_is_never_offered_for_confirmation(desk: Client, made: Order) -> None:
    page = desk.post(url_of(made), typed(desk, made, "1434,13"))
    assert page.status_code == 409
    assert "Only R$\u00a01,434.12 can still be refunded." in text_of(page)
    assert confirmed_by(page) == {}
