"""A cart and its order have one currency, whatever staff change meanwhile, and a sold product keeps its own."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from cart import services as carts
from cart.exceptions import CurrencyMismatch
from cart.models import Cart, CartLine, CartStatus
from checkout import place_order as placing
from checkout.models import Order, OrderLine
from config.accounts.models import User
from config.audit.models import Entry
from config.money import CURRENCIES
from inventory.exceptions import CurrencyFixed
from inventory.models import Product, Stock
from tests.support.admin_forms import OpenForm
from tests.support.api import App, assert_problem
from tests.support.backoffice import told
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.factories.shipping import ShippingRateFactory
from tests.support.orders import order_of
from tests.support.pages import Visitor
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]


def sell_in(product: Product, currency: str) -> None:
    """As staff do it."""
    product.currency = currency
    product.save(update_fields=["currency"])


@pytest.fixture
def mug() -> Product:
    return ProductFactory(name="Caneca", price="200.00", stock=5)


@pytest.fixture
def towel() -> Product:
    return ProductFactory(name="Toalha", price="30.00", stock=5)


class TestTheGate:
    def test_refuses_what_staff_sell_in_another_currency_now(
        self, app: App, mug: Product, towel: Product, sandbox: Sandbox
    ) -> None:
        cart = ready_cart([mug, towel])
        sell_in(mug, "USD")
        document = assert_problem(app.check_out(cart), 422, "invalid")
        assert document["detail"] == (
            "Not sold in BRL, the currency of this cart: Caneca. Nothing was charged. Remove this from the cart and "
            "order it separately."
        )
        assert not Order.objects.exists()
        assert not sandbox.ledger()["intents"]
        shown = app.get(f"carts/{cart.id}/").json()
        assert [line["available"] for line in shown["lines"]] == [False, True]
        assert (shown["status"], shown["subtotal"]) == ("open", "30.00")

    def test_lets_the_rest_be_bought_and_the_other_by_itself(self, app: App, mug: Product, towel: Product) -> None:
        cart = ready_cart([mug, towel])
        sell_in(mug, "USD")
        app.delete(f"carts/{cart.id}/lines/{mug.sku}/")
        assert app.check_out(carts.choose_shipping(cart.id, "flat")).status_code == 201
        alone = carts.add_line(carts.create_cart().id, mug.sku, 1)
        assert (alone.currency, str(alone.subtotal)) == ("USD", "200.00")

    @pytest.mark.parametrize("lines", [["mug"], ["mug", "towel"]])
    def test_refuses_lines_however_they_came_in(self, lines: list[str], request: Any, app: App) -> None:
        cart = ready_cart([ProductFactory(stock=5)])
        for position, name in enumerate(lines, start=1):
            Product.objects.filter(pk=request.getfixturevalue(name).pk).update(currency="USD")
            CartLine.objects.create(
                cart=Cart.objects.get(), product=request.getfixturevalue(name), quantity=1, position=position
            )
        assert_problem(app.check_out(carts.choose_shipping(cart.id, "flat")), 422, "invalid")
        assert not Order.objects.exists()

    def test_changed_between_reading_and_writing(self, mug: Product, monkeypatch: pytest.MonkeyPatch) -> None:
        cart = ready_cart([mug])
        open_payment = placing.payments.open_payment

        def meanwhile(*args: Any, **options: Any) -> Any:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(in_its_own_connection, sell_in, mug, "USD").result(10)
            return open_payment(*args, **options)

        monkeypatch.setattr(placing.payments, "open_payment", meanwhile)
        with pytest.raises(CurrencyMismatch):
            order_of(cart)
        assert not Order.objects.exists()
        assert Cart.objects.get().status == CartStatus.OPEN
        assert Stock.objects.get().reserved == 0

    @pytest.mark.usefixtures("static_files_from_apps")
    @pytest.mark.parametrize(
        ("language", "sentence"),
        [
            ("en", "Sold in USD, and this cart is in BRL. Remove it to continue, and order it separately."),
            ("pt-br", "Vendido em USD, e este carrinho está em BRL."),
        ],
    )
    def test_the_page_says_what_to_do(self, language: str, sentence: str, mug: Product, towel: Product) -> None:
        visitor = Visitor(language)
        for product in (mug, towel):
            visitor.open(f"/products/{product.slug}/").send("/cart/add/", quantity="1")
        sell_in(mug, "USD")
        page = visitor.open("/checkout/")
        assert page.url == "/cart/"
        assert sentence in page.html
        assert "200" in page.html and "230" not in page.html


def in_its_own_connection(call: Any, *args: Any) -> None:
    try:
        call(*args)
    finally:
        connection.close()


class TestTheDatabase:
    def test_holds_no_line_of_another_currency(self, mug: Product) -> None:
        order = order_of(ready_cart([mug]))
        line = OrderLine.objects.get()
        assert (line.currency, order.currency) == ("BRL", "BRL")
        for change in (
            lambda: OrderLine.objects.update(currency="USD"),
            lambda: Order.objects.update(currency="USD"),
            lambda: Product.objects.update(currency="USD"),
        ):
            with pytest.raises(IntegrityError, match="order_line_in_currency_of_"), transaction.atomic():
                change()

    def test_refuses_a_line_without_a_currency(self, mug: Product) -> None:
        order_of(ready_cart([mug]))
        with pytest.raises(IntegrityError, match="order_line_has_currency"), transaction.atomic():
            OrderLine.objects.update(currency=None)

    def test_refuses_a_line_of_an_order_or_a_product_that_is_not_there(self, mug: Product) -> None:
        order_of(ready_cart([mug]))
        for column in ("order_id", "product_id"):
            with pytest.raises(IntegrityError, match="order_line_in_currency_of_"), transaction.atomic():
                OrderLine.objects.update(**{column: 10**9})


class TestASoldProduct:
    @pytest.fixture
    def form(self, desk: Client, mug: Product) -> OpenForm:
        return OpenForm(desk, reverse("admin:inventory_product_change", args=[mug.pk]), "product_form")

    def test_keeps_its_currency(self, mug: Product) -> None:
        order_of(ready_cart([mug]))
        with pytest.raises(CurrencyFixed), transaction.atomic():
            sell_in(mug, "USD")

    def test_the_form_says_so_and_keeps_what_was_typed(self, mug: Product, form: OpenForm) -> None:
        order_of(ready_cart([mug]))
        assert form.send(currency="USD", name="Caneca azul") == 200
        (message,) = told(form.page)
        assert message.startswith("This product has already been sold, so its currency stays.")
        assert (form.fields["currency"], form.fields["name"]) == (["USD"], ["Caneca azul"])
        assert not Entry.objects.filter(verb="row.change").exists()
        assert form.send(currency="BRL") == 302
        mug.refresh_from_db()
        assert (mug.currency, mug.name) == ("BRL", "Caneca azul")

    def test_before_its_first_order_the_currency_can_change(self, mug: Product, form: OpenForm) -> None:
        ready_cart([mug])
        assert form.send(currency="USD") == 302
        mug.refresh_from_db()
        assert mug.currency == "USD"


class TestOnlyCurrenciesThatTheShopKnows:
    UNKNOWN = ("XXX", "usd", "R$", "JPY")

    @pytest.fixture(params=[ProductFactory, ShippingRateFactory], ids=["product", "rate"])
    def priced(self, request: pytest.FixtureRequest) -> Any:
        return request.param()

    def test_the_one_that_imports_write_is_known(self, settings: Any) -> None:
        assert settings.DEFAULT_CURRENCY in CURRENCIES

    @pytest.mark.parametrize("typed", UNKNOWN)
    @pytest.mark.parametrize("language", ["en", "pt-br"])
    def test_a_form_refuses_others_with_a_sentence(self, boss: User, priced: Any, typed: str, language: str) -> None:
        desk = Client(headers={"accept-language": language})
        desk.force_login(boss)
        meta = priced._meta
        url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[priced.pk])
        form = OpenForm(desk, url, f"{meta.model_name}_form")
        assert form.send(currency=typed) == 200
        assert ("A loja não vende em" if language == "pt-br" else "This shop does not sell in") in form.html
        priced.refresh_from_db()
        assert priced.currency == "BRL"
        assert form.send(currency="USD") == 302

    @pytest.mark.parametrize("code", UNKNOWN)
    def test_the_database_refuses_them_whoever_writes(self, priced: Any, code: str) -> None:
        with pytest.raises(IntegrityError, match="currency_is_known"), transaction.atomic():
            type(priced).objects.update(currency=code)
        for known in CURRENCIES:
            type(priced).objects.update(currency=known)
