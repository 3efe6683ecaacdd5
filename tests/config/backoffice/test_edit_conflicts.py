"""Two people have the same form open: what the second one saves never undoes what the first one saved."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.core.files.base import ContentFile
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import translation

from config.accounts.models import User
from config.audit.models import Entry
from config.backoffice.base import Audited
from config.backoffice.edit_conflicts import EditConflicts
from inventory import services
from inventory.models import Category, Product, Stock
from shipping.models import ShippingMethod, ShippingRate
from tests.support.admin_forms import OpenForm
from tests.support.backoffice import told
from tests.support.factories.accounts import UserFactory
from tests.support.factories.inventory import CategoryFactory, ProductFactory, StockFactory
from tests.support.factories.shipping import ShippingRateFactory
from tests.support.staff import client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def colleague() -> Client:
    return client_of(User.objects.create(email="colega@example.com", is_staff=True, is_superuser=True))


def open_form(desk: Client, row: Any) -> OpenForm:
    opts = row._meta
    url = reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[row.pk])
    return OpenForm(desk, url, f"{opts.model_name}_form")


def now(row: Any) -> Any:
    return type(row)._default_manager.get(pk=row.pk)


class TestAProduct:
    @pytest.fixture
    def product(self) -> Product:
        return ProductFactory(
            name="Caneca", price="59.90", category=CategoryFactory(name="Copos"), description="Feita\nà mão"
        )

    def test_saved_late_does_not_undo_price_activity_and_currency(
        self, desk: Client, colleague: Client, product: Product
    ) -> None:
        mine, theirs = open_form(desk, product), open_form(colleague, product)
        assert theirs.send(price="79.90", currency="USD", off=("active",)) == 302
        assert mine.send(name="Caneca azul") == 200
        assert (now(product).name, now(product).price) == ("Caneca", Decimal("79.90"))
        assert "This has been changed since you opened it" in mine.html
        for sentence in ("from “59.90” to “79.90”.", "from “BRL” to “USD”.", "from “yes” to “no”."):
            assert f"Changed meanwhile {sentence}" in mine.html
        assert mine.send() == 302
        saved = now(product)
        assert (saved.name, saved.price, saved.currency, saved.active) == (
            "Caneca azul", Decimal("79.90"), "USD", False,
        )  # fmt: skip
        assert Entry.objects.latest("pk").after == {"name": "Caneca azul"}

    def test_changed_by_both_shows_both_and_is_saved_once_confirmed(
        self, desk: Client, colleague: Client, product: Product
    ) -> None:
        mine, theirs = open_form(desk, product), open_form(colleague, product)
        assert theirs.send(price="79.90") == 302
        assert mine.send(price="64.90") == 200
        assert "from “59.90” to “79.90”. You typed “64.90”: save again to write that." in mine.html
        assert mine.fields["price"] == ["64.90"]
        assert now(product).price == Decimal("79.90")
        assert mine.send() == 302
        assert now(product).price == Decimal("64.90")

    def test_changed_again_while_it_was_shown_is_shown_again(
        self, desk: Client, colleague: Client, product: Product
    ) -> None:
        mine = open_form(desk, product)
        for price in ("79.90", "89.90"):
            assert open_form(colleague, product).send(price=price) == 302
            assert mine.send(price="64.90") == 200
        assert "from “79.90” to “89.90”" in mine.html
        assert mine.send() == 302
        assert now(product).price == Decimal("64.90")

    def test_shows_the_conflict_beside_other_errors(self, desk: Client, colleague: Client, product: Product) -> None:
        mine, theirs = open_form(desk, product), open_form(colleague, product)
        assert theirs.send(price="79.90") == 302
        assert mine.send(price="1,050", name="") == 200
        assert "can be read in two ways" in mine.html
        assert "from “59.90” to “79.90”" in mine.html
        assert mine.send(price="64.90", name="Caneca azul") == 302
        assert (now(product).name, now(product).price) == ("Caneca azul", Decimal("64.90"))

    def test_typed_alike_by_both_is_no_conflict(self, desk: Client, colleague: Client, product: Product) -> None:
        mine, theirs = open_form(desk, product), open_form(colleague, product)
        assert theirs.send(price="79.90") == 302
        assert mine.send(price="79,90") == 302
        assert now(product).price == Decimal("79.90")

    def test_taken_off_sale_meanwhile_stays_off_sale(self, desk: Client, product: Product) -> None:
        mine = open_form(desk, product)
        services.set_active(Product.objects.all(), active=False)
        assert mine.send(name="Caneca azul") == 200
        assert "active" not in mine.fields
        assert mine.send() == 302
        assert (now(product).name, now(product).active) == ("Caneca azul", False)

    def test_in_another_category_meanwhile_stays_there(self, desk: Client, product: Product) -> None:
        mine = open_form(desk, product)
        Product.objects.update(category=CategoryFactory(name="Louça"))
        assert mine.send(name="Caneca azul") == 200
        assert "from “Copos” to “Louça”" in mine.html
        assert mine.send() == 302
        assert now(product).category.name == "Louça"

    def test_with_another_picture_meanwhile_keeps_it(
        self, desk: Client, product: Product, settings: Any, tmp_path: Any
    ) -> None:
        settings.MEDIA_ROOT = tmp_path
        product.image.save("antes.jpg", ContentFile(b"1"))
        mine = open_form(desk, product)
        now(product).image.save("depois.jpg", ContentFile(b"2"))
        assert mine.send(name="Caneca azul") == 200
        assert "antes.jpg” to “products/depois.jpg”" in mine.html
        assert mine.send() == 302
        assert now(product).image.name == "products/depois.jpg"

    def test_unchanged_is_saved_at_once(self, desk: Client, product: Product) -> None:
        """Also with line breaks, which browsers send as two characters, and after the language has changed."""
        mine = open_form(desk, product)
        desk.cookies["django_language"] = "pt-br"
        assert mine.send(name="Caneca azul", price="64,90") == 302
        assert (now(product).name, now(product).description) == ("Caneca azul", "Feita\nà mão")
        assert set(Entry.objects.latest("pk").after) == {"name", "price"}

    def test_saved_untouched_writes_nothing(self, desk: Client, colleague: Client, product: Product) -> None:
        mine, theirs = open_form(desk, product), open_form(colleague, product)
        assert theirs.send(price="79.90") == 302
        changed = now(product).updated_at
        assert mine.send() == 302
        assert (now(product).price, now(product).updated_at) == (Decimal("79.90"), changed)

    def test_says_it_in_portuguese(self, desk: Client, colleague: Client, product: Product) -> None:
        desk.cookies["django_language"] = "pt-br"
        mine, theirs = open_form(desk, product), open_form(colleague, product)
        assert theirs.send(price="79.90") == 302
        assert mine.send(price="64,90") == 200
        assert "de “59,90” para “79,90”. Você digitou “64,90”: salve de novo para gravar isso." in mine.html


class TestAnEditableList:
    def list_of(self, desk: Client, model: type[Any]) -> OpenForm:
        opts = model._meta
        return OpenForm(desk, reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist"), "changelist-form")

    def test_does_not_undo_what_was_saved_meanwhile(self, desk: Client, colleague: Client) -> None:
        one, two = (ShippingMethod.objects.create(code=code, position=place) for place, code in enumerate(("a", "b")))
        mine, theirs = self.list_of(desk, ShippingMethod), self.list_of(colleague, ShippingMethod)
        assert theirs.send(off=("form-0-active",), _save="1") == 302
        assert mine.send(**{"form-0-position": "7", "form-1-position": "8"}, _save="1") == 200
        assert "Changed meanwhile from “yes” to “no”." in mine.html
        assert [now(row).position for row in (one, two)] == [0, 1]
        assert mine.send(_save="1") == 302
        assert [(now(row).active, now(row).position) for row in (one, two)] == [(False, 7), (True, 8)]

    def test_leaves_rows_alone_that_were_not_touched(self, desk: Client, colleague: Client) -> None:
        one, two = CategoryFactory(position=1), CategoryFactory(position=2)
        mine, theirs = self.list_of(desk, Category), self.list_of(colleague, Category)
        assert theirs.send(**{"form-0-position": "5"}, _save="1") == 302
        assert mine.send(**{"form-1-position": "6"}, _save="1") == 302
        assert [now(one).position, now(two).position] == [5, 6]

    def test_writes_only_the_column_that_was_changed(self, desk: Client) -> None:
        category = CategoryFactory(position=1)
        mine = self.list_of(desk, Category)
        Category.objects.update(name="Outro nome")
        assert mine.send(**{"form-0-position": "5"}, _save="1") == 302
        assert (now(category).name, now(category).position) == ("Outro nome", 5)


class TestPeopleAndRoles:
    def test_a_right_given_meanwhile_is_not_taken_back(self, desk: Client, colleague: Client) -> None:
        first, second, third = Permission.objects.order_by("pk")[:3]
        group = Group.objects.create(name="balcão")
        mine, theirs = open_form(desk, group), open_form(colleague, group)
        assert theirs.send(permissions=[first.pk]) == 302
        assert mine.send(permissions=[second.pk]) == 200
        assert "Changed meanwhile from “–” to " in mine.html
        assert mine.send(permissions=[first.pk, third.pk]) == 302
        assert set(group.permissions.all()) == {first, third}

    def test_a_person_shut_out_meanwhile_stays_out(self, desk: Client, colleague: Client) -> None:
        person = UserFactory(full_name="Ana")
        mine, theirs = open_form(desk, person), open_form(colleague, person)
        assert theirs.send(off=("is_active",)) == 302
        assert mine.send(full_name="Ana Souza") == 200
        assert mine.send() == 302
        assert (now(person).full_name, now(person).is_active) == ("Ana Souza", False)

    def test_the_hash_of_a_password_is_in_no_hidden_field(self, desk: Client) -> None:
        person = UserFactory()
        assert person.password not in open_form(desk, person).html
        assert "initial-password" not in open_form(desk, person).html


class TestStock:
    def test_sold_meanwhile_is_shown_with_what_was_typed(self, desk: Client) -> None:
        stock = StockFactory(on_hand=5)
        mine = open_form(desk, stock)
        Stock.objects.update(on_hand=4)
        assert mine.send(on_hand="8", reason="delivery") == 200
        assert "from “5” to “4”. You typed “8”" in mine.html
        assert mine.fields["reason"] == ["delivery"]
        assert now(stock).on_hand == 4
        assert mine.send() == 302
        assert now(stock).on_hand == 8

    def test_what_was_typed_survives_a_refusal(self, desk: Client) -> None:
        stock = StockFactory(on_hand=5, reserved=2)
        mine = open_form(desk, stock)
        assert mine.send(on_hand="1", reason="broken") == 200
        assert any("2 are reserved" in message for message in told(mine.page))
        assert (mine.fields["on_hand"], mine.fields["reason"]) == (["1"], ["broken"])
        assert mine.send(on_hand="3") == 302


class TestInlines:
    """The shop has no editable inline yet; this one is made for the test."""

    @translation.override("en")
    def test_do_not_undo_what_was_saved_meanwhile(self, boss: User, rf: RequestFactory) -> None:
        class RatesInline(admin.TabularInline[ShippingRate, ShippingMethod]):
            model = ShippingRate
            fields = ("price", "max_days")
            extra = 0

        class Page(Audited[ShippingMethod]):
            inlines = (RatesInline,)

        rate = ShippingRateFactory(price="10.00", max_days=5, min_days=1)
        page = Page(ShippingMethod, admin.site)

        def send(data: dict[str, Any] | None = None) -> Any:
            request = rf.post("/", data) if data else rf.get("/")
            request.user = boss
            vars(request)["_messages"], vars(request)["_dont_enforce_csrf_checks"] = [], True
            return page.changeform_view(request, str(rate.method_id))

        opened = OpenForm.__new__(OpenForm)
        opened._form = "shippingmethod_form"
        opened._read(send().render())
        ShippingRate.objects.update(price="12.00")
        answer = send({**opened.fields, "rates-0-max_days": "7"})
        assert answer.status_code == 200
        assert "Changed meanwhile from “10.00” to “12.00”." in answer.render().content.decode()
        assert now(rate).max_days == 5


def test_every_form_that_changes_rows_is_aware_of_them(boss: User, rf: RequestFactory) -> None:
    request = rf.get("/")
    request.user = boss
    checked = 0
    for model, page in admin.site._registry.items():
        if page.has_change_permission(request, model(pk=1)):
            checked += 1
            assert issubclass(page.get_form(request, model(pk=1), change=True, fields=None), EditConflicts), model
            assert issubclass(page.get_changelist_form(request), EditConflicts), model
    assert checked > 5
