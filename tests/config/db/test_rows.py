"""Rows are written as Django writes them, and refused where somebody would have to hear of it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from django.db import DatabaseError, IntegrityError, connection
from django.db.backends.utils import CursorWrapper
from django.db.models import F
from django.db.models.signals import post_init, post_save
from django.db.transaction import atomic
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import gettext_lazy
from psycopg.types.numeric import Int2, Int8

from cart.models import Cart, CartLine, CartStatus
from config.db import rows
from config.db.compiled import CannotCompile
from inventory.models import Product
from payments.models import WebhookEvent
from shipping.models import Quote
from tests.support.factories.cart import filled_cart
from tests.support.factories.inventory import ProductFactory

pytestmark = pytest.mark.django_db


def written(row: Any) -> dict[str, Any]:
    """The row's columns in the database, without its key and its times."""
    values = type(row).objects.filter(pk=row.pk).values().get()
    return {name: value for name, value in values.items() if not name.endswith("_at") and name not in ("id", "token")}


def test_an_insert_writes_what_save_does() -> None:
    ours, theirs = Cart(email="ana@example.com", card_declines=2), Cart(email="ana@example.com", card_declines=2)
    theirs.save()
    rows.insert(ours)
    assert written(ours) == written(theirs)
    assert ours.created_at == Cart.objects.get(pk=ours.pk).created_at
    assert not ours._state.adding
    ours.email = "eva@example.com"
    ours.save()
    assert Cart.objects.get(pk=ours.pk).email == "eva@example.com"


@pytest.mark.parametrize(
    "given",
    [
        {"email": gettext_lazy("Name"), "card_declines": "2", "version": True},
        {"phone": 11987654321, "status": CartStatus.MERGED, "version": 2.0},
        {"name": "", "user_id": None, "card_declined_at": datetime(2026, 3, 14, 15, 9, tzinfo=UTC)},
        {"card_declined_at": "2026-03-14T15:09:26Z", "expires_at": date(2026, 3, 14)},
        {"card_declined_at": datetime(2026, 3, 14, 15, 9), "version": 7},  # noqa: DTZ001  as somebody forgot
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:DateTimeField")
def test_values_of_any_type_are_written_as_save_does(given: dict[str, Any]) -> None:
    ours, theirs, many = (Cart(**given) for _ in range(3))
    theirs.save()
    rows.insert(ours)
    rows.insert_all([many, Cart(email="x")])
    kept = [Cart.objects.filter(pk=cart.pk).values(*given).get() for cart in (ours, theirs, many)]
    assert kept[0] == kept[1] == kept[2]
    blank = Cart.objects.create()
    for name, value in given.items():
        setattr(blank, name, value)
    rows.update(blank, *(name.removesuffix("_id") for name in given))
    assert Cart.objects.filter(pk=blank.pk).values(*given).get() == kept[0]


def test_integers_have_the_width_of_their_column_whatever_their_size() -> None:
    """PostgreSQL would keep a plan for each mix of sizes."""
    cart, product = Cart.objects.create(), ProductFactory()
    line = CartLine(cart=cart, product=product, quantity=3, position=300)
    with patch.object(CursorWrapper, "execute", autospec=True, side_effect=CursorWrapper.execute) as execute:
        rows.insert(line)
        rows.insert_all([CartLine(cart=cart, product=ProductFactory(), quantity=1, position=1)])
        rows.update(line, "quantity")
    values = [[*call.args[2]] for call in execute.call_args_list if "cartline" in call.args[1]]
    kinds = [[type(value[0] if isinstance(value, list) else value) for value in found] for found in values]
    assert kinds == [[Int8, Int8, Int2, Int2], [Int8, Int8, Int2, Int2], [Int2, Int8]]


def test_a_key_that_is_given_is_kept() -> None:
    now = timezone.now()
    quote = Quote(price=Decimal("1.50"), currency="BRL", min_days=1, max_days=2, created_at=now)
    quote.expires_at = now + timezone.timedelta(hours=1)
    key = quote.pk
    rows.insert(quote)
    assert Quote.objects.get(pk=key).price == Decimal("1.50")


@pytest.mark.parametrize("number", [0, 1, 5])
def test_many_are_one_statement_with_one_text(number: int) -> None:
    cart = Cart.objects.create()
    lines = [CartLine(cart=cart, product=ProductFactory(), quantity=n + 1, position=n) for n in range(number)]
    with CaptureQueriesContext(connection) as captured:
        rows.insert_all(lines)
    assert len(captured) == bool(number)
    assert [(line.pk, line.product_id, line.quantity) for line in lines] == list(
        CartLine.objects.filter(cart=cart).values_list("pk", "product_id", "quantity")
    )


def test_a_text_that_is_too_long_is_refused_not_cut_off() -> None:
    for write in (rows.insert, lambda row: rows.insert_all([row])):
        with pytest.raises(DatabaseError, match="too long"), atomic():
            write(Cart(currency="BRLX"))


def test_a_row_that_was_saved_after_it_was_assigned_is_referred_to() -> None:
    cart = Cart()
    line = CartLine(cart=cart, product=ProductFactory(), quantity=1)
    rows.insert(cart)
    rows.insert_all([line])
    assert CartLine.objects.get(cart=cart) == line


def test_an_update_writes_the_named_fields_and_renews_times() -> None:
    cart = Cart.objects.create(email="ana@example.com")
    before = cart.updated_at
    Cart.objects.filter(pk=cart.pk).update(phone="11987654321")
    cart.email, cart.name = "eva@example.com", "Eva"
    rows.update(cart, "email", "updated_at")
    stored = Cart.objects.get(pk=cart.pk)
    assert (stored.email, stored.name, stored.phone) == ("eva@example.com", "", "11987654321")
    assert stored.updated_at == cart.updated_at > before
    rows.update(cart)
    stored = Cart.objects.get(pk=cart.pk)
    assert (stored.name, stored.phone) == ("Eva", "")


def test_an_update_of_a_row_that_is_gone_says_so() -> None:
    cart = Cart.objects.create()
    Cart.objects.all().delete()
    with pytest.raises(DatabaseError, match="did not affect"):
        rows.update(cart, "email")


def test_a_refused_row_breaks_the_transaction_as_save_does() -> None:
    line = CartLine(cart=Cart.objects.create(), product=ProductFactory(), quantity=0)
    with atomic():
        with pytest.raises(IntegrityError):
            rows.insert(line)
        assert connection.needs_rollback
        connection.set_rollback(True)


def test_refuses_a_model_that_somebody_listens_to() -> None:
    def listen(**_: Any) -> None: ...

    with pytest.raises(CannotCompile, match="saved of Product"):
        rows.update(ProductFactory(), "name")
    post_save.connect(listen, sender=Cart)
    try:
        with pytest.raises(CannotCompile, match="listens to what is saved of Cart"):
            rows.insert(Cart())
    finally:
        post_save.disconnect(listen, sender=Cart)


def test_refuses_an_expression() -> None:
    cart = filled_cart(1)
    line = CartLine.objects.get(cart__token=cart.id)
    line.quantity = F("quantity") + 1  # type: ignore[assignment]
    with pytest.raises(CannotCompile, match="is an expression"):
        rows.update(line, "quantity")
    assert Product.objects.count() == 1


def test_what_a_statement_returns_is_read_as_the_orm_reads_it() -> None:
    made = WebhookEvent.objects.create(provider="stripe", event_id="evt_1", type="x", payload={"id": ["é", 1, None]})
    columns = "*, 'of the next release' AS unknown"
    sql = f"UPDATE payments_webhookevent SET tries = %(tries)s RETURNING {columns}"
    (found,) = rows.returned(WebhookEvent, sql, {"tries": 3})
    kept = WebhookEvent.objects.get(pk=made.pk)
    assert {**vars(found), "_state": None} == {**vars(kept), "_state": None}
    assert (found.tries, found._state.adding, found._state.db) == (3, False, "default")
    assert rows.returned(WebhookEvent, "SELECT * FROM payments_webhookevent WHERE false", {}) == []


def test_rows_of_a_model_that_somebody_watches_are_refused() -> None:
    def watch(**_: object) -> None: ...

    post_init.connect(watch, sender=WebhookEvent)
    try:
        with pytest.raises(CannotCompile):
            rows.returned(WebhookEvent, "SELECT * FROM payments_webhookevent", {})
    finally:
        post_init.disconnect(watch, sender=WebhookEvent)
