"""Carts: one test per row and refusal of the contract up to the checkout."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from cart import services
from cart.models import Cart, CartStatus
from config.accounts.models import User
from inventory.models import Product
from tests.support.api import App, assert_problem
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import filled_cart, flat_shipping, ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.factories.shipping import MANAUS

pytestmark = pytest.mark.django_db

ADDRESS = {
    "name": "Ana Souza", "street": "Avenida Paulista", "number": "1000", "complement": "ap. 42",
    "district": "Bela Vista", "city": "São Paulo", "state": "SP", "postal_code": "01310-200", "country": "BR",
}  # fmt: skip
DELIVERY = {"email": "ana@example.com", "phone": "11 98765-4321", "address": ADDRESS}
NOWHERE = "A" * 43


def without(document: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in names}


class TestClaim:
    def test_lines_of_the_guest_cart_are_merged(self, app: App, users_app: App, user: User) -> None:
        mine = filled_cart(1, user_id=user.pk)
        guests = filled_cart(2)
        answer = users_app.post(f"carts/{guests.id}/claim/")
        assert answer.status_code == 200
        assert answer.json()["id"] == mine.id
        assert len(answer.json()["lines"]) == 3
        assert users_app.get(f"carts/{mine.id}/").json() == answer.json()
        assert_problem(app.post(f"carts/{guests.id}/lines/", {"sku": "x", "quantity": 1}), 404, "not_found")

    def test_a_repeated_claim_merges_once(self, users_app: App) -> None:
        guests = filled_cart(1)
        first, second = (users_app.post(f"carts/{guests.id}/claim/") for _ in range(2))
        assert second.json() == first.json()
        assert second.json()["lines"][0]["quantity"] == 1

    def test_what_does_not_fit_is_named_and_stays(self, app: App, users_app: App, user: User) -> None:
        mine = filled_cart(1, user_id=user.pk)
        dollars = ProductFactory(stock=5, currency="USD")
        guests = filled_cart([dollars], quantity=2)
        for _ in range(2):
            answer = users_app.post(f"carts/{guests.id}/claim/")
            assert answer.status_code == 200
            stays = [{"sku": dollars.sku, "quantity": 2, "reason": "currency"}]
            assert answer.json() == {**users_app.get(f"carts/{mine.id}/").json(), "left_behind": stays}
        assert [line["sku"] for line in app.get(f"carts/{guests.id}/").json()["lines"]] == [dollars.sku]

    def test_a_guest_cannot_claim(self, app: App) -> None:
        assert_problem(app.post(f"carts/{filled_cart(1).id}/claim/"), 401, "not_authenticated")

    def test_a_cart_of_another_user_cannot_be_claimed(self, users_app: App) -> None:
        theirs = filled_cart(1, user_id=UserFactory().pk)
        assert_problem(users_app.post(f"carts/{theirs.id}/claim/"), 404, "not_found")
        assert_problem(users_app.post(f"carts/{NOWHERE}/claim/"), 404, "not_found")

    @pytest.mark.parametrize(
        ("status", "code"), [(CartStatus.CHECKING_OUT, "checkout_in_progress"), (CartStatus.ORDERED, "cart_closed")]
    )
    def test_a_cart_in_checkout_or_ordered_is_not_merged(self, users_app: App, status: str, code: str) -> None:
        guests = filled_cart(1)
        Cart.objects.filter(token=guests.id).update(status=status)
        assert_problem(users_app.post(f"carts/{guests.id}/claim/"), 409, code)

    def test_is_refused_while_the_users_own_cart_is_being_paid(self, users_app: App, user: User) -> None:
        guests = filled_cart(1)
        Cart.objects.filter(token=filled_cart(1, user_id=user.pk).id).update(status=CartStatus.CHECKING_OUT)
        assert_problem(users_app.post(f"carts/{guests.id}/claim/"), 409, "checkout_in_progress")
        assert Cart.objects.get(token=guests.id).status == CartStatus.OPEN


class TestStart:
    def test_a_new_cart_is_empty(self, app: App) -> None:
        answer = app.post("carts/", {})
        assert answer.status_code == 201
        cart = answer.json()
        assert re.fullmatch(r"[\w-]{43}", cart.pop("id"))
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", cart.pop("expires_at"))
        assert cart == {
            "version": 1, "currency": "BRL", "status": "open", "lines": [], "email": "", "tax_id": "",
            "address": None, "shipping": None, "shipping_options": None, "subtotal": "0.00", "shipping_total": "0.00",
            "total": "0.00",
        }  # fmt: skip

    def test_the_body_may_be_empty(self, app: App) -> None:
        assert app.raw("POST", "carts/", b"").status_code == 201

    def test_each_guest_gets_a_new_cart(self, app: App) -> None:
        assert app.post("carts/").json()["id"] != app.post("carts/").json()["id"]

    def test_a_user_has_one_cart(self, users_app: App) -> None:
        assert users_app.post("carts/").json()["id"] == users_app.post("carts/").json()["id"]

    def test_responses_are_not_cached(self, app: App) -> None:
        assert set(app.post("carts/").headers["Cache-Control"].split(", ")) == {"private", "no-store"}


class TestRead:
    def test_it_reads_back_as_written(self, app: App) -> None:
        cart = ready_cart([ProductFactory(sku="MUG", name="Caneca", price="19.90", stock=5)], quantity=3)
        document = app.get(f"carts/{cart.id}/").json()
        assert document["lines"] == [
            {
                "sku": "MUG", "name": "Caneca", "quantity": 3, "unit_price": "19.90", "line_total": "59.70",
                "available": True,
            }
        ]  # fmt: skip
        assert document["shipping"] == {"code": "flat", "name": "Flat", "price": "10.00"}
        assert (document["subtotal"], document["shipping_total"], document["total"]) == ("59.70", "10.00", "69.70")
        assert document["address"]["postal_code"] == "01310200"
        assert document["email"] == "ana@example.com"

    def test_lines_no_longer_available_are_shown(self, app: App) -> None:
        product = ProductFactory(stock=1)
        cart = filled_cart([product])
        Product.objects.filter(pk=product.pk).update(active=False)
        cache.delete_pattern("*")
        assert app.get(f"carts/{cart.id}/").json()["lines"][0]["available"] is False

    def test_an_unknown_cart_is_not_found(self, app: App) -> None:
        assert_problem(app.get(f"carts/{NOWHERE}/"), 404, "not_found")

    @pytest.mark.parametrize("malformed", ["1", "x" * 44, "ç" * 43, "../../etc/passwd", "'" * 43])
    def test_a_malformed_id_is_not_found(self, app: App, malformed: str) -> None:
        assert_problem(app.get(f"carts/{malformed}/"), 404, "not_found")


class TestOtherUsersCart:
    """A cart that belongs to a user answers 404 to everyone else, whatever they try."""

    @pytest.mark.parametrize("stranger", ["guest", "another user"])
    @pytest.mark.parametrize(
        ("verb", "path", "body"),
        [
            ("get", "", None),
            ("post", "lines/", {"sku": "MUG", "quantity": 1}),
            ("patch", "lines/MUG/", {"quantity": 2}),
            ("delete", "lines/MUG/", None),
            ("put", "delivery/", DELIVERY),
            ("get", "shipping-options/", None),
            ("put", "shipping/", {"code": "flat"}),
            ("post", "checkout/", {"payment_method": "pm_card_visa", "expected_total": "1000.00"}),
        ],
    )
    def test_not_found(self, user: Any, stranger: str, verb: str, path: str, body: Any) -> None:
        cart = ready_cart([ProductFactory(sku="MUG", stock=9)], user_id=user.pk)
        app = App() if stranger == "guest" else App(UserFactory())
        call = getattr(app, verb)
        headers = {"idempotency_key": "1"} if path == "checkout/" else {}
        arguments = () if body is None else (body,)
        assert_problem(call(f"carts/{cart.id}/{path}", *arguments, **headers), 404, "not_found")
        assert services.snapshot.load(cart.id, user.pk) == cart

    def test_the_owner_reads_it(self, user: Any, users_app: App) -> None:
        cart = filled_cart(user_id=user.pk)
        assert users_app.get(f"carts/{cart.id}/").json()["id"] == cart.id

    def test_a_session_is_accepted_as_well(self, user: Any) -> None:
        cart = filled_cart(user_id=user.pk)
        browser = Client()
        browser.force_login(user)
        assert browser.get(f"/api/v1/carts/{cart.id}/").json()["id"] == cart.id


class TestAddLine:
    def test_it_adds(self, app: App) -> None:
        ProductFactory(sku="MUG", price="10.00", stock=9)
        cart = app.post("carts/").json()
        answer = app.post(f"carts/{cart['id']}/lines/", {"sku": "MUG", "quantity": 2})
        assert answer.status_code == 201
        assert answer.json()["version"] > cart["version"]
        assert answer.json()["subtotal"] == "20.00"

    def test_it_adds_to_an_existing_line(self, app: App) -> None:
        cart = filled_cart([ProductFactory(sku="MUG", stock=9)], quantity=2)
        lines = app.post(f"carts/{cart.id}/lines/", {"sku": "MUG", "quantity": 3}).json()["lines"]
        assert [line["quantity"] for line in lines] == [5]

    def test_unknown_products_and_carts_are_not_found(self, app: App) -> None:
        cart = app.post("carts/").json()
        ProductFactory(sku="MUG", stock=1)
        assert_problem(app.post(f"carts/{cart['id']}/lines/", {"sku": "NO", "quantity": 1}), 404, "not_found")
        assert_problem(app.post(f"carts/{NOWHERE}/lines/", {"sku": "MUG", "quantity": 1}), 404, "not_found")

    def test_more_than_is_available(self, app: App) -> None:
        cart = filled_cart([ProductFactory(sku="MUG", stock=5)], quantity=2)
        problem = assert_problem(
            app.post(f"carts/{cart.id}/lines/", {"sku": "MUG", "quantity": 4}), 409, "insufficient_stock"
        )
        assert problem["shortages"] == [{"sku": "MUG", "requested": 6, "available": 5}]
        assert app.get(f"carts/{cart.id}/").json()["lines"][0]["quantity"] == 2

    def test_more_than_a_line_holds(self, app: App) -> None:
        cart = filled_cart([ProductFactory(sku="MUG", stock=500)], quantity=60)
        assert_problem(app.post(f"carts/{cart.id}/lines/", {"sku": "MUG", "quantity": 60}), 422, "invalid", "quantity")

    @pytest.mark.parametrize(
        "quantity", [0, -1, 100, 10**30, -(10**30), 1.5, 1.0, True, False, "1", "", None, [1], {"a": 1}, 1e300]
    )
    def test_a_quantity_is_a_whole_number_from_1_to_99(self, app: App, quantity: Any) -> None:
        ProductFactory(sku="MUG", stock=500)
        cart = app.post("carts/").json()
        answer = app.post(f"carts/{cart['id']}/lines/", {"sku": "MUG", "quantity": quantity})
        assert_problem(answer, 422, "invalid", "quantity")

    @pytest.mark.parametrize("sku", [1, 1.5, True, None, "", " ", ["MUG"], {"sku": "MUG"}, "a\0b", "\ud800", "x" * 65])
    def test_a_sku_is_text(self, app: App, sku: Any) -> None:
        cart = app.post("carts/").json()
        answer = app.post(f"carts/{cart['id']}/lines/", {"sku": sku, "quantity": 1})
        assert_problem(answer, 422, "invalid", "sku")

    def test_missing_and_unknown_fields_are_named(self, app: App) -> None:
        cart = app.post("carts/").json()
        assert_problem(app.post(f"carts/{cart['id']}/lines/", {}), 422, "invalid", "sku", "quantity")
        answer = app.post(f"carts/{cart['id']}/lines/", {"sku": "MUG", "quantity": 1, "colour": "blue"})
        assert_problem(answer, 422, "invalid", "colour")

    @pytest.mark.parametrize("state", [CartStatus.ORDERED, CartStatus.MERGED])
    def test_a_closed_cart(self, app: App, state: CartStatus) -> None:
        cart = filled_cart([ProductFactory(sku="MUG", stock=5)])
        Cart.objects.filter(token=cart.id).update(status=state)
        assert_problem(app.post(f"carts/{cart.id}/lines/", {"sku": "MUG", "quantity": 1}), 409, "cart_closed")

    def test_a_cart_that_is_being_paid_for(self, app: App) -> None:
        cart = filled_cart([ProductFactory(sku="MUG", stock=5)])
        Cart.objects.filter(token=cart.id).update(status=CartStatus.CHECKING_OUT)
        answer = app.post(f"carts/{cart.id}/lines/", {"sku": "MUG", "quantity": 1})
        assert_problem(answer, 409, "checkout_in_progress")

    def test_another_currency(self, app: App) -> None:
        cart = filled_cart([ProductFactory(stock=5)])
        ProductFactory(sku="IMPORT", currency="USD", stock=5)
        assert_problem(app.post(f"carts/{cart.id}/lines/", {"sku": "IMPORT", "quantity": 1}), 422, "invalid")


class TestChangeLine:
    def test_it_sets(self, app: App) -> None:
        cart = filled_cart([ProductFactory(sku="MUG", stock=9)], quantity=5)
        answer = app.patch(f"carts/{cart.id}/lines/MUG/", {"quantity": 3})
        assert (answer.status_code, answer.json()["lines"][0]["quantity"]) == (200, 3)

    def test_zero_removes_the_line(self, app: App) -> None:
        cart = filled_cart([ProductFactory(sku="MUG", stock=9)], quantity=5)
        answer = app.patch(f"carts/{cart.id}/lines/MUG/", {"quantity": 0})
        assert (answer.status_code, answer.json()["lines"]) == (200, [])

    def test_not_found(self, app: App) -> None:
        cart = filled_cart([ProductFactory(sku="MUG", stock=9)])
        for path in (f"carts/{cart.id}/lines/NO/", f"carts/{NOWHERE}/lines/MUG/"):
            assert_problem(app.patch(path, {"quantity": 1}), 404, "not_found")

    def test_more_than_is_available(self, app: App) -> None:
        cart = filled_cart([ProductFactory(sku="MUG", stock=5)], quantity=2)
        answer = app.patch(f"carts/{cart.id}/lines/MUG/", {"quantity": 6})
        problem = assert_problem(answer, 409, "insufficient_stock")
        assert problem["shortages"] == [{"sku": "MUG", "requested": 6, "available": 5}]

    @pytest.mark.parametrize("quantity", [-1, 100, 10**30, 2.0, True, "2", None])
    def test_a_quantity_is_a_whole_number_from_0_to_99(self, app: App, quantity: Any) -> None:
        cart = filled_cart([ProductFactory(sku="MUG", stock=5)], quantity=2)
        answer = app.patch(f"carts/{cart.id}/lines/MUG/", {"quantity": quantity})
        assert_problem(answer, 422, "invalid", "quantity")

    def test_an_empty_body(self, app: App) -> None:
        cart = filled_cart([ProductFactory(sku="MUG", stock=5)], quantity=2)
        assert_problem(app.patch(f"carts/{cart.id}/lines/MUG/", {}), 422, "invalid", "quantity")

    def test_a_cart_that_is_being_paid_for(self, app: App) -> None:
        cart = filled_cart([ProductFactory(sku="MUG", stock=5)])
        Cart.objects.filter(token=cart.id).update(status=CartStatus.CHECKING_OUT)
        answer = app.patch(f"carts/{cart.id}/lines/MUG/", {"quantity": 1})
        assert_problem(answer, 409, "checkout_in_progress")


class TestRemoveLine:
    def test_it_removes_the_line(self, app: App) -> None:
        cart = filled_cart([ProductFactory(sku="MUG", stock=9), ProductFactory(sku="POT", stock=9)])
        answer = app.delete(f"carts/{cart.id}/lines/MUG/")
        assert answer.status_code == 200
        assert [line["sku"] for line in answer.json()["lines"]] == ["POT"]

    def test_not_found(self, app: App) -> None:
        cart = filled_cart()
        assert_problem(app.delete(f"carts/{cart.id}/lines/NO/"), 404, "not_found")
        assert_problem(app.delete(f"carts/{NOWHERE}/lines/MUG/"), 404, "not_found")


class TestDelivery:
    def test_it_is_stored(self, app: App) -> None:
        cart = filled_cart()
        answer = app.put(f"carts/{cart.id}/delivery/", DELIVERY)
        assert answer.status_code == 200
        assert answer.json()["email"] == "ana@example.com"
        assert answer.json()["address"] == ADDRESS | {"postal_code": "01310200"}

    def test_optional_fields_may_be_missing_or_null(self, app: App) -> None:
        cart = filled_cart()
        short = {"email": "ana@example.com", "address": without(ADDRESS, "complement")}
        assert app.put(f"carts/{cart.id}/delivery/", short).json()["address"]["complement"] == ""
        nulls = {**DELIVERY, "phone": None, "address": {**ADDRESS, "complement": None}}
        assert app.put(f"carts/{cart.id}/delivery/", nulls).status_code == 200

    @pytest.mark.parametrize("field", [name for name in ADDRESS if name != "complement"])
    def test_every_other_address_field_is_required(self, app: App, field: str) -> None:
        cart = filled_cart()
        body = {**DELIVERY, "address": without(ADDRESS, field)}
        assert_problem(app.put(f"carts/{cart.id}/delivery/", body), 422, "invalid", f"address.{field}")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("email", "no address"), ("email", ""), ("email", None), ("email", 7), ("email", "a@b\0.com"),
            ("email", "ana@example.com\nBcc: all@example.com"), ("email", "a" * 250 + "@b.com"),
            ("phone", "1" * 21), ("phone", 11), ("phone", ["11"]), ("address", None), ("address", "Rua Um, 1"),
            ("address", [ADDRESS]),
        ],
    )  # fmt: skip
    def test_an_invalid_contact(self, app: App, field: str, value: Any) -> None:
        cart = filled_cart()
        answer = app.put(f"carts/{cart.id}/delivery/", {**DELIVERY, field: value})
        assert answer.status_code == 422
        assert next(iter(answer.json()["errors"])).split(".")[0] == field

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", ""), ("name", " "), ("name", "x" * 121), ("street", 5), ("street", "a\0b"), ("street", "\ud83d"),
            ("street", "two\nlines"), ("number", 1000), ("city", False), ("state", "XX"), ("state", "sp"),
            ("state", []), ("postal_code", "123"), ("postal_code", "0131020a"), ("postal_code", 1310200),
            ("country", "PT"), ("district", {"x": 1}), ("complement", "x" * 81), ("planet", "Earth"),
        ],
    )  # fmt: skip
    def test_an_invalid_address(self, app: App, field: str, value: Any) -> None:
        cart = filled_cart()
        body = {**DELIVERY, "address": {**ADDRESS, field: value}}
        assert_problem(app.put(f"carts/{cart.id}/delivery/", body), 422, "invalid", f"address.{field}")

    def test_the_state_must_match_the_postal_code(self, app: App) -> None:
        cart = filled_cart()
        body = {**DELIVERY, "address": {**ADDRESS, "postal_code": MANAUS}}
        assert_problem(app.put(f"carts/{cart.id}/delivery/", body), 422, "invalid", "address.state")

    def test_a_postal_code_that_no_state_has(self, app: App) -> None:
        cart = filled_cart()
        body = {**DELIVERY, "address": {**ADDRESS, "postal_code": "00000-001"}}
        assert_problem(app.put(f"carts/{cart.id}/delivery/", body), 422, "invalid", "address.state")

    def test_an_unknown_cart(self, app: App) -> None:
        assert_problem(app.put(f"carts/{NOWHERE}/delivery/", DELIVERY), 404, "not_found")


class TestTaxId:
    """The recipient's CPF or CNPJ: stored whole, shown masked."""

    CPF, MASKED = "529.982.247-25", "***.982.247-**"

    def deliver(self, app: App, cart_id: str, **changes: Any) -> Any:
        return app.put(f"carts/{cart_id}/delivery/", {**DELIVERY, **changes})

    def test_it_is_stored_normalised_and_shown_masked(self, app: App) -> None:
        cart = filled_cart()
        assert app.get(f"carts/{cart.id}/").json()["tax_id"] == ""
        answer = self.deliver(app, cart.id, tax_id=f" {self.CPF}")
        assert (answer.status_code, answer.json()["tax_id"]) == (200, self.MASKED)
        assert app.get(f"carts/{cart.id}/").json()["tax_id"] == self.MASKED
        assert Cart.objects.get(token=cart.id).tax_id == "52998224725"

    def test_no_copy_in_redis_has_it(self, app: App) -> None:
        cart = filled_cart()
        self.deliver(app, cart.id, tax_id=self.CPF)
        copy = cache.get(f"cart:{cart.id}")
        assert "982.247" in str(copy)
        assert "529" not in str(copy)

    def test_sent_back_masked_it_stays(self, app: App) -> None:
        cart = filled_cart()
        self.deliver(app, cart.id, tax_id=self.CPF)
        answer = self.deliver(app, cart.id, tax_id=self.MASKED, phone="11 3333-4444")
        assert answer.json()["tax_id"] == self.MASKED
        assert Cart.objects.get(token=cart.id).tax_id == "52998224725"

    @pytest.mark.parametrize("nothing", [{}, {"tax_id": ""}, {"tax_id": None}])
    def test_left_out_it_goes(self, app: App, nothing: dict[str, Any]) -> None:
        cart = filled_cart()
        self.deliver(app, cart.id, tax_id=self.CPF)
        assert self.deliver(app, cart.id, **nothing).json()["tax_id"] == ""
        assert Cart.objects.get(token=cart.id).tax_id == ""

    @pytest.mark.parametrize("typed", ["529.982.247-24", "***.111.111-**", "1", "11111111111", 52998224725, ["x"]])
    def test_a_wrong_one_is_named_and_not_repeated(self, app: App, typed: Any) -> None:
        cart = filled_cart()
        answer = self.deliver(app, cart.id, tax_id=typed)
        assert_problem(answer, 422, "invalid", "tax_id")
        assert str(typed) not in answer.content.decode() or typed == "1"
        assert Cart.objects.get(token=cart.id).street == ""

    def test_a_shop_may_require_it(self, app: App, settings: Any) -> None:
        settings.TAX_ID = "required"
        cart = filled_cart()
        assert_problem(self.deliver(app, cart.id), 422, "invalid", "tax_id")
        assert self.deliver(app, cart.id, tax_id="12.ABC.345/01DE-35").json()["tax_id"] == "**.ABC.345/****-**"
        whole = {"lines": [], "delivery": DELIVERY}
        assert_problem(app.post("carts/", whole), 422, "invalid", "delivery.tax_id")

    def test_a_shop_may_not_want_it(self, app: App, settings: Any) -> None:
        settings.TAX_ID = "off"
        cart = filled_cart()
        assert self.deliver(app, cart.id, tax_id=self.CPF).json()["tax_id"] == ""
        assert Cart.objects.get(token=cart.id).tax_id == ""

    def test_it_comes_along_into_the_account(self, app: App, users_app: App) -> None:
        guests = filled_cart()
        self.deliver(app, guests.id, tax_id=self.CPF)
        assert users_app.post(f"carts/{guests.id}/claim/").json()["tax_id"] == self.MASKED


class TestShipping:
    def test_the_options(self, app: App) -> None:
        flat_shipping("12.30")
        cart = filled_cart()
        app.put(f"carts/{cart.id}/delivery/", DELIVERY)
        answer = app.get(f"carts/{cart.id}/shipping-options/")
        assert answer.status_code == 200
        assert answer.json() == {
            "options": [{"code": "flat", "name": "Flat", "price": "12.30", "min_days": 2, "max_days": 4}]
        }

    def test_the_options_need_an_address(self, app: App) -> None:
        cart = filled_cart()
        assert_problem(app.get(f"carts/{cart.id}/shipping-options/"), 409, "address_required")

    def test_the_options_of_an_unknown_cart(self, app: App) -> None:
        assert_problem(app.get(f"carts/{NOWHERE}/shipping-options/"), 404, "not_found")

    def test_one_is_chosen(self, app: App) -> None:
        flat_shipping("12.30")
        cart = filled_cart([ProductFactory(price="10.00", stock=1)])
        app.put(f"carts/{cart.id}/delivery/", DELIVERY)
        answer = app.put(f"carts/{cart.id}/shipping/", {"code": "flat"})
        assert answer.status_code == 200
        assert answer.json()["shipping"] == {"code": "flat", "name": "Flat", "price": "12.30"}
        assert (answer.json()["shipping_total"], answer.json()["total"]) == ("12.30", "22.30")

    def test_the_name_is_in_the_language_of_the_request(self, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
        cart = ready_cart()
        monkeypatch.setattr("config.api.fields.translated", lambda text: f"traduzido: {text}")
        assert app.get(f"carts/{cart.id}/").json()["shipping"]["name"] == "traduzido: Flat"

    @pytest.mark.parametrize("code", ["teleport", "x" * 64])
    def test_a_method_that_is_not_offered(self, app: App, code: str) -> None:
        flat_shipping()
        cart = filled_cart()
        app.put(f"carts/{cart.id}/delivery/", DELIVERY)
        assert_problem(app.put(f"carts/{cart.id}/shipping/", {"code": code}), 409, "shipping_unavailable")

    @pytest.mark.parametrize("code", [None, "", 1, True, ["flat"], "fl\0at", "x" * 65])
    def test_a_code_is_text(self, app: App, code: Any) -> None:
        cart = filled_cart()
        assert_problem(app.put(f"carts/{cart.id}/shipping/", {"code": code}), 422, "invalid", "code")

    def test_without_an_address_or_goods(self, app: App) -> None:
        flat_shipping()
        cart = app.post("carts/").json()
        assert_problem(app.put(f"carts/{cart['id']}/shipping/", {"code": "flat"}), 409, "address_required")
        app.put(f"carts/{cart['id']}/delivery/", DELIVERY)
        assert_problem(app.put(f"carts/{cart['id']}/shipping/", {"code": "flat"}), 409, "cart_empty")
        assert_problem(app.put(f"carts/{NOWHERE}/shipping/", {"code": "flat"}), 404, "not_found")


def test_a_change_extends_the_carts_lifetime(app: App) -> None:
    cart = filled_cart([ProductFactory(sku="MUG", stock=9)])
    Cart.objects.filter(token=cart.id).update(expires_at=timezone.now() + timedelta(days=1))
    later = app.patch(f"carts/{cart.id}/lines/MUG/", {"quantity": 2}).json()["expires_at"]
    assert later > (timezone.now() + timedelta(days=29)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_documents_are_json_in_utf_8(app: App) -> None:
    cart = filled_cart([ProductFactory(name="Açucareiro", stock=1)])
    raw = app.get(f"carts/{cart.id}/").content
    assert "Açucareiro".encode() in raw
    assert json.loads(raw)["lines"][0]["name"] == "Açucareiro"
