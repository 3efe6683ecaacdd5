"""Products and stock in the back office."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from config.audit.models import Entry
from inventory.models import Product, Stock
from tests.support.backoffice import order, told
from tests.support.factories.inventory import CategoryFactory, ProductFactory, StockFactory, WarehouseFactory
from tests.support.staff import staff_with

pytestmark = pytest.mark.django_db

PRODUCTS = "admin:inventory_product_changelist"


def names(desk: Client, **query: str) -> set[str]:
    answer = desk.get(reverse(PRODUCTS), query)
    return {product.name for product in answer.context["cl"].result_list}


class TestProducts:
    def test_are_found_without_accents_and_by_sku(self, desk: Client) -> None:
        ProductFactory(name="Caneca de cerâmica", sku="CAN-01")
        ProductFactory(name="Rede de algodão", sku="RED-01")
        assert names(desk, q="ceramica") == {"Caneca de cerâmica"}
        assert names(desk, q="red-01") == {"Rede de algodão"}

    def test_are_filtered_by_availability(self, desk: Client) -> None:
        for name, stock in (("none", 0), ("few", 5), ("many", 6)):
            ProductFactory(name=name, stock=stock)
        ProductFactory(name="nowhere")
        assert names(desk, free="none") == {"none", "nowhere"}
        assert names(desk, free="few") == {"few"}
        assert names(desk, free="some") == {"few", "many"}

    def test_a_reserved_unit_is_not_available(self, desk: Client) -> None:
        product = ProductFactory(name="last one", stock=1)
        order("action", [product])
        assert names(desk, free="none") == {"last one"}

    def test_taking_off_sale_and_putting_back_is_logged_for_each(self, desk: Client) -> None:
        on, off = ProductFactory(), ProductFactory(active=False)
        answer = desk.post(
            reverse(PRODUCTS), {"action": "take_off_sale", "_selected_action": [on.pk, off.pk]}, follow=True
        )
        assert told(answer) == ["1 product is off sale now."]
        assert not Product.objects.active().exists()
        assert Entry.objects.get(verb="product.off_sale").object_id == str(on.pk)
        desk.post(reverse(PRODUCTS), {"action": "put_on_sale", "_selected_action": [on.pk, off.pk]})
        assert Product.objects.active().count() == 2

    def test_a_renamed_product_is_found_at_once(self, desk: Client) -> None:
        product = ProductFactory(name="Before", category=CategoryFactory())
        url = reverse("admin:inventory_product_change", args=[product.pk])
        form = desk.get(url).context["adminform"].form
        fields = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
        answer = desk.post(url, {**{k: v for k, v in fields.items() if v not in (None, "")}, "name": "Depois"})
        assert answer.status_code == 302, answer.context["adminform"].form.errors
        assert names(desk, q="depois") == {"Depois"}

    def save(self, desk: Client, product: Product, **typed: str) -> Any:
        """Send the form of the product as it is shown, with these fields typed anew."""
        url = reverse("admin:inventory_product_change", args=[product.pk])
        form = desk.get(url).context["adminform"].form
        shown = {name: form[name].value() for name in form.fields}
        return desk.post(url, {**{k: v for k, v in shown.items() if v not in (None, "")}, **typed})

    @pytest.mark.parametrize("language", ["en", "pt-br"])
    @pytest.mark.parametrize("typed", ["1434,12", "1434.12", "1.434,12", "1,434.12"])
    def test_a_price_is_what_was_typed_in_either_language(self, typed: str, language: str, desk: Client) -> None:
        desk.cookies["django_language"] = language
        product = ProductFactory(category=CategoryFactory())
        assert self.save(desk, product, price=typed).status_code == 302
        product.refresh_from_db()
        assert product.price == Decimal("1434.12")

    @pytest.mark.parametrize("language", ["en", "pt-br"])
    def test_numbers_that_were_not_touched_stay(self, language: str, desk: Client) -> None:
        desk.cookies["django_language"] = language
        product = ProductFactory(category=CategoryFactory(), price="1434.12", weight_grams=12_500)
        assert self.save(desk, product, name="Depois").status_code == 302
        product.refresh_from_db()
        assert (product.price, product.weight_grams) == (Decimal("1434.12"), 12_500)
        assert set(Entry.objects.latest("pk").after) == {"name"}

    @pytest.mark.parametrize("language", ["en", "pt-br"])
    @pytest.mark.parametrize("wrong", [{"price": "1,050"}, {"price": "10.500"}, {"weight_grams": "1.000"}])
    def test_an_ambiguous_number_is_refused(self, wrong: dict[str, str], language: str, desk: Client) -> None:
        desk.cookies["django_language"] = language
        product = ProductFactory(category=CategoryFactory(), price="59.90", weight_grams=300)
        answer = self.save(desk, product, **wrong)
        assert set(answer.context["adminform"].form.errors) == set(wrong)
        product.refresh_from_db()
        assert (product.price, product.weight_grams) == (Decimal("59.90"), 300)

    def test_are_not_deleted_in_bulk(self, desk: Client) -> None:
        ProductFactory()
        assert "delete_selected" not in desk.get(reverse(PRODUCTS)).content.decode()


class TestStock:
    def count(self, desk: Client, stock: Stock, quantity: int, reason: str = "counted") -> list[str]:
        url = reverse("admin:inventory_stock_change", args=[stock.pk])
        return told(desk.post(url, {"on_hand": quantity, "reason": reason}, follow=True))

    def test_a_recount_is_logged_with_its_reason(self, desk: Client) -> None:
        stock = StockFactory(on_hand=5)
        self.count(desk, stock, 8, "delivery of Monday")
        stock.refresh_from_db()
        assert stock.on_hand == 8
        entry = Entry.objects.get(verb="stock.adjust")
        assert (entry.actor, entry.reason) == ("chefe@example.com", "delivery of Monday")
        assert (entry.before, entry.after) == ({"on_hand": 5}, {"on_hand": 8})

    @pytest.mark.parametrize("typed", ["1.000", "1,000", "1 000"])
    def test_is_not_counted_in_thousands_that_may_be_ones(self, typed: str, desk: Client) -> None:
        stock = StockFactory(on_hand=5)
        url = reverse("admin:inventory_stock_change", args=[stock.pk])
        answer = desk.post(url, {"on_hand": typed, "reason": "counted"})
        assert "digits only" in answer.content.decode()
        stock.refresh_from_db()
        assert stock.on_hand == 5

    def test_a_concurrent_change_is_not_overwritten(self, desk: Client) -> None:
        stock = StockFactory(on_hand=5)
        url = reverse("admin:inventory_stock_change", args=[stock.pk])
        seen = desk.get(url).context["adminform"].form["seen"].value()
        Stock.objects.filter(pk=stock.pk).update(on_hand=4)
        (message,) = told(desk.post(url, {"on_hand": 8, "seen": seen, "reason": "counted"}, follow=True))
        assert "There are now 4 on hand, not 5" in message
        stock.refresh_from_db()
        assert stock.on_hand == 4

    def test_never_falls_below_what_is_reserved(self, desk: Client) -> None:
        product = ProductFactory(stock=3)
        held = order("action", [product])
        stock = Stock.objects.get(product=product)
        (message,) = self.count(desk, stock, 0)
        assert "1 are reserved" in message
        stock.refresh_from_db()
        assert (stock.on_hand, stock.reserved) == (3, 1)
        assert not Entry.objects.filter(verb="stock.adjust").exists()
        assert held.number in desk.get(reverse("admin:inventory_stock_change", args=[stock.pk])).content.decode()

    def test_requires_a_reason(self, desk: Client) -> None:
        stock = StockFactory(on_hand=5)
        self.count(desk, stock, 8, "")
        stock.refresh_from_db()
        assert stock.on_hand == 5

    def test_reserved_cannot_be_edited(self, desk: Client) -> None:
        stock = StockFactory(on_hand=5)
        url = reverse("admin:inventory_stock_change", args=[stock.pk])
        desk.post(url, {"on_hand": 5, "reason": "x", "reserved": 4})
        stock.refresh_from_db()
        assert stock.reserved == 0

    def test_can_be_added_in_another_warehouse(self, desk: Client) -> None:
        product, recife = ProductFactory(stock=1), WarehouseFactory(code="recife")
        answer = desk.post(
            reverse("admin:inventory_stock_add"),
            {"product": product.pk, "warehouse": recife.pk, "on_hand": 7, "reason": "first delivery"},
        )
        assert answer.status_code == 302
        assert Stock.objects.get(product=product, warehouse=recife).on_hand == 7

    def test_is_readable_without_permission_to_change_it(self) -> None:
        stock = StockFactory(on_hand=5)
        url = reverse("admin:inventory_stock_change", args=[stock.pk])
        reader = staff_with("inventory.view_stock")
        assert reader.get(url).status_code == 200
        assert reader.post(url, {"on_hand": 9, "reason": "x"}).status_code == 403

    @pytest.mark.parametrize(("query", "expected"), [("none", {0}), ("few", {4}), ("some", {4, 9})])
    def test_is_filtered_by_level(self, query: str, expected: set[int], desk: Client) -> None:
        for on_hand in (0, 4, 9):
            StockFactory(on_hand=on_hand)
        answer = desk.get(reverse("admin:inventory_stock_changelist"), {"free": query})
        assert {stock.on_hand for stock in answer.context["cl"].result_list} == expected

    def test_is_found_by_the_product(self, desk: Client) -> None:
        wanted = StockFactory(product=ProductFactory(name="Rede de algodão"))
        StockFactory()
        answer = desk.get(reverse("admin:inventory_stock_changelist"), {"q": "algodao"})
        assert [stock.pk for stock in answer.context["cl"].result_list] == [wanted.pk]


class TestRates:
    def test_are_found_by_a_postal_code_they_cover(self, desk: Client) -> None:
        from tests.support.factories.shipping import ShippingRateFactory

        sao_paulo = ShippingRateFactory(postal_code_from="01000000", postal_code_to="05999999")
        ShippingRateFactory(postal_code_from="69000000", postal_code_to="69299999", state="AM")
        url = reverse("admin:shipping_shippingrate_changelist")
        for typed in ("01310-200", "0131"):
            answer = desk.get(url, {"q": typed})
            assert [rate.pk for rate in answer.context["cl"].result_list] == [sao_paulo.pk]
        assert not desk.get(url, {"q": "no digits"}).context["cl"].result_list
