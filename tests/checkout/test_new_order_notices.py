"""The notice of a paid order to staff: only if they want one, without a statement more, and without a person's data."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from checkout.models import OutboxMessage
from checkout.settle import settle
from payments.gateways.base import Outcome
from tests.support.backoffice import attempt_of
from tests.support.backoffice import order as order_with
from tests.support.mails import bodies, kind_of, relayed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_each_paid_order_is_one_mail_to_all_who_want_it(language: str, settings: Any, mailoutbox: list[Any]) -> None:
    """In the shop's language, not in the shopper's."""
    settings.NEW_ORDER_MAILS = ["loja@esteira.example", "estoque@esteira.example"]
    settings.LANGUAGE_CODE = language
    order = order_with(language="en" if language == "pt-br" else "pt-br")
    mails = {kind_of(mail): mail for mail in relayed()}
    notice = mails.pop("new-order")
    assert set(mails) == {"confirmation"}
    assert notice.to == settings.NEW_ORDER_MAILS
    assert notice.subject.startswith("Novo pedido" if language == "pt-br" else "New order")
    for body in bodies(notice):
        assert f"/admin/checkout/order/by-number/{order.number}/" in body
        assert all(line.name in body for line in order.lines.all())
        for private in (order.token, order.email, order.name, order.street, order.postal_code):
            assert private not in body


def test_nobody_gets_one_by_default(mailoutbox: list[Any]) -> None:
    order_with()
    assert [message.kind for message in OutboxMessage.objects.all()] == ["confirmation"]


def test_one_that_nobody_wants_any_more_is_dropped(settings: Any, mailoutbox: list[Any]) -> None:
    settings.NEW_ORDER_MAILS = ["loja@esteira.example"]
    order_with()
    settings.NEW_ORDER_MAILS = []
    assert [kind_of(mail) for mail in relayed()] == ["confirmation"]


def test_it_costs_the_order_no_statement(settings: Any) -> None:
    def statements() -> int:
        order = order_with("action")
        with CaptureQueriesContext(connection) as queries:
            settle(attempt_of(order).pk, Outcome(kind="approved", captured=order.total))
        return len(queries)

    without = statements()
    settings.NEW_ORDER_MAILS = ["loja@esteira.example"]
    assert statements() == without
    assert OutboxMessage.objects.filter(kind="new_order").count() == 1
