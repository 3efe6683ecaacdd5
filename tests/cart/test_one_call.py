"""Many lines in one call, and a whole cart in one call: all or nothing, with the refusals of the single calls."""

from typing import Any

import pytest
from django.test import Client

from cart import services
from cart.filling import Delivery
from cart.models import Cart, CartLine, CartStatus
from checkout.models import Order
from config.accounts.models import User
from inventory.models import Product
from shipping.models import Quote
from tests.cart.test_api import ADDRESS, DELIVERY, NOWHERE, without
from tests.support.api import App, assert_problem
from tests.support.carrier import StandInCarrier
from tests.support.factories.cart import ADDRESS as PAULISTA
from tests.support.factories.cart import filled_cart, flat_shipping, ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.factories.shipping import MANAUS

pytestmark = pytest.mark.django_db

FLAT = {"code": "flat"}
# What two calls for the same cart may differ in.
OWN = ("id", "version", "expires_at")


@pytest.fixture(autouse=True)
def goods() -> dict[str, Product]:
    flat_shipping()
    return {
        "MUG": ProductFactory(sku="MUG", price="19.90", stock=9),
        "POT": ProductFactory(sku="POT", price="80.00", stock=3),
        "OFF": ProductFactory(sku="OFF", stock=9, active=False),
        "USD": ProductFactory(sku="USD", stock=9, currency="USD"),
    }


def line(sku: str, quantity: int = 1) -> dict[str, Any]:
    return {"sku": sku, "quantity": quantity}


class TestAWholeCart:
    def test_is_the_cart_that_the_single_calls_make(self, app: App) -> None:
        at_once = app.post("carts/", {"lines": [line("POT"), line("MUG", 2)], "delivery": DELIVERY, "shipping": FLAT})
        assert at_once.status_code == 201
        path = f"carts/{app.post('carts/').json()['id']}/"
        app.post(f"{path}lines/", line("POT"))
        app.post(f"{path}lines/", line("MUG", 2))
        app.put(f"{path}delivery/", DELIVERY)
        singly = app.put(f"{path}shipping/", FLAT).json()
        assert without(at_once.json(), *OWN) == without(singly, *OWN)
        assert [each["sku"] for each in at_once.json()["lines"]] == ["POT", "MUG"]
        assert at_once.json() == app.get(f"carts/{at_once.json()['id']}/").json()

    @pytest.mark.usefixtures("sandbox")
    @pytest.mark.django_db(transaction=True)
    def test_is_bought_in_three_requests_and_read_in_a_fourth(self, app: App) -> None:
        options = app.post("carts/", {"lines": [line("MUG", 2)], "delivery": DELIVERY}).json()
        assert options["shipping_options"]["options"][0]["code"] == "flat"
        chosen = app.put(f"carts/{options['id']}/shipping/", FLAT).json()
        placed = app.check_out(chosen)
        assert placed.status_code == 201
        order = app.get(f"orders/{placed.json()['number']}/", order_token=placed.json()["token"])
        assert (order.json()["status"], order.json()["total"]) == ("paid", "49.80")

    @pytest.mark.usefixtures("sandbox")
    @pytest.mark.django_db(transaction=True)
    def test_can_be_checked_out_at_once_by_who_knows_the_way_of_delivery(self, app: App) -> None:
        cart = app.post("carts/", {"lines": [line("MUG", 2)], "delivery": DELIVERY, "shipping": FLAT}).json()
        assert app.check_out(cart).status_code == 201
        assert [sold.sku for sold in Order.objects.get().lines.all()] == ["MUG"]

    @pytest.mark.parametrize(
        "body",
        [
            {"lines": []}, {"lines": [line("MUG")]}, {"delivery": DELIVERY},
            {"lines": [line("MUG")], "shipping": FLAT, "delivery": {**DELIVERY, "phone": None}},
        ],
    )  # fmt: skip
    def test_may_bring_any_part(self, app: App, body: dict[str, Any]) -> None:
        cart = app.post("carts/", body).json()
        assert bool(cart["lines"]) == bool(body.get("lines"))
        assert bool(cart["address"]) == ("delivery" in body)
        assert bool(cart["shipping"]) == ("shipping" in body)

    def test_the_same_product_twice_is_one_line(self, app: App) -> None:
        cart = app.post("carts/", {"lines": [line("MUG", 2), line("POT"), line("MUG", 3)]}).json()
        assert [(each["sku"], each["quantity"]) for each in cart["lines"]] == [("MUG", 5), ("POT", 1)]

    def test_takes_the_currency_of_its_goods(self, app: App) -> None:
        assert app.post("carts/", {"lines": [line("USD")]}).json()["currency"] == "USD"

    @pytest.mark.parametrize(
        ("body", "status", "code", "places"),
        [
            ({"lines": [line("MUG"), line("NO"), line("OFF")]}, 404, "not_found", ["lines.1.sku", "lines.2.sku"]),
            ({"lines": [line("MUG", 10), line("POT", 3)]}, 409, "insufficient_stock", ["lines.0.quantity"]),
            ({"lines": [line("MUG", 10), line("POT", 4)]}, 409, "insufficient_stock",
             ["lines.0.quantity", "lines.1.quantity"]),
            ({"lines": [line("POT", 2), line("POT", 2)]}, 409, "insufficient_stock", ["lines.1.quantity"]),
            ({"lines": [line("MUG", 60), line("MUG", 60)]}, 422, "invalid", ["lines.1.quantity"]),
            ({"lines": [line("MUG"), line("USD")]}, 422, "invalid", ["lines.1.sku"]),
            ({"delivery": {**DELIVERY, "address": {**ADDRESS, "postal_code": MANAUS}}}, 422, "invalid",
             ["delivery.address.state"]),
            ({"shipping": FLAT, "lines": [line("MUG")]}, 409, "address_required", ["shipping.code"]),
            ({"shipping": FLAT, "delivery": DELIVERY}, 409, "cart_empty", ["shipping.code"]),
            ({"lines": [line("MUG")], "delivery": DELIVERY, "shipping": {"code": "teleport"}}, 409,
             "shipping_unavailable", ["shipping.code"]),
        ],
    )  # fmt: skip
    def test_is_refused_as_a_whole(
        self, app: App, body: dict[str, Any], status: int, code: str, places: list[str]
    ) -> None:
        assert_problem(app.post("carts/", body), status, code, *places)
        assert not Cart.objects.exists()
        assert not Quote.objects.exists()

    @pytest.mark.parametrize(
        ("body", "places"),
        [
            ({"lines": [line("MUG"), {"sku": "POT"}]}, ["lines.1.quantity"]),
            ({"lines": [line("MUG", 0), {"quantity": "1"}]},
             ["lines.0.quantity", "lines.1.sku", "lines.1.quantity"]),
            ({"lines": [{**line("MUG"), "colour": "blue"}]}, ["lines.0.colour"]),
            ({"lines": [line("MUG")] * 101}, ["lines"]), ({"lines": "MUG"}, ["lines"]), ({"lines": None}, ["lines"]),
            ({"delivery": {**DELIVERY, "address": without(ADDRESS, "city")}}, ["delivery.address.city"]),
            ({"shipping": {"code": 1}}, ["shipping.code"]), ({"coupon": "X"}, ["coupon"]),
        ],
    )  # fmt: skip
    def test_an_invalid_body_names_the_places(self, app: App, body: dict[str, Any], places: list[str]) -> None:
        assert_problem(app.post("carts/", body), 422, "invalid", *places)
        assert not Cart.objects.exists()

    def test_the_shortages_are_those_of_the_single_call(self, app: App) -> None:
        problem = app.post("carts/", {"lines": [line("MUG", 10), line("POT", 4)]}).json()
        assert problem["shortages"] == [
            {"sku": "MUG", "requested": 10, "available": 9}, {"sku": "POT", "requested": 4, "available": 3},
        ]  # fmt: skip

    def test_a_limit_of_lines_holds(self, app: App, settings: Any) -> None:
        settings.MAX_CART_LINES = 1
        assert_problem(app.post("carts/", {"lines": [line("MUG"), line("POT")]}), 422, "invalid", "lines.1.sku")

    def test_the_messages_are_in_the_readers_language(self) -> None:
        body, headers = {"lines": [line("NO")]}, {"Accept-Language": "pt-BR"}
        there = Client().post("/api/v1/carts/", body, "application/json", headers=headers).json()
        assert there["errors"] == {"lines.0.sku": ["Não temos esse produto."]}


class TestManyLines:
    def test_are_added_to_those_that_are_there(self, app: App, goods: dict[str, Product]) -> None:
        path = f"carts/{filled_cart([goods['MUG']]).id}/"
        answer = app.post(f"{path}lines/", {"lines": [line("POT", 2), line("MUG", 2), line("POT")]})
        assert answer.status_code == 201
        assert [(each["sku"], each["quantity"]) for each in answer.json()["lines"]] == [("MUG", 3), ("POT", 3)]
        assert answer.json() == app.get(path).json()

    def test_a_hundred_fit_into_one_call(self, app: App) -> None:
        skus = [product.sku for product in ProductFactory.create_batch(100, stock=1)]
        answer = app.post(f"carts/{app.post('carts/').json()['id']}/lines/", {"lines": [line(sku) for sku in skus]})
        assert [each["sku"] for each in answer.json()["lines"]] == skus

    @pytest.mark.parametrize(
        ("lines", "status", "code", "places"),
        [
            ([line("POT"), line("NO")], 404, "not_found", ["lines.1.sku"]),
            ([line("POT"), line("MUG", 9)], 409, "insufficient_stock", ["lines.1.quantity"]),
            ([line("POT"), line("USD")], 422, "invalid", ["lines.1.sku"]),
            ([line("POT"), line("MUG", 99)], 422, "invalid", ["lines.1.quantity"]),
            ([line("POT"), line("MUG", 100)], 422, "invalid", ["lines.1.quantity"]),
            ([line("POT"), {}], 422, "invalid", ["lines.1.sku", "lines.1.quantity"]),
            ([line("POT")] * 101, 422, "invalid", ["lines"]),
            ([], 422, "invalid", ["lines"]),
            (line("POT"), 422, "invalid", ["lines"]),
        ],
    )
    def test_one_refused_line_refuses_all(
        self, app: App, goods: dict[str, Product], lines: Any, status: int, code: str, places: list[str]
    ) -> None:
        path = f"carts/{filled_cart([goods['MUG']]).id}/"
        before = app.get(path).json()
        assert_problem(app.post(f"{path}lines/", {"lines": lines}), status, code, *places)
        assert app.get(path).json() == before

    def test_one_call_is_one_line_or_many(self, app: App) -> None:
        path = f"carts/{app.post('carts/').json()['id']}/lines/"
        assert_problem(app.post(path, {"lines": [line("POT")], **line("MUG")}), 422, "invalid", "sku", "quantity")

    def test_an_unknown_cart(self, app: App) -> None:
        assert_problem(app.post(f"carts/{NOWHERE}/lines/", {"lines": [line("POT")]}), 404, "not_found")

    def test_a_closed_cart(self, app: App) -> None:
        cart = filled_cart(1)
        Cart.objects.filter(token=cart.id).update(status=CartStatus.ORDERED)
        assert_problem(app.post(f"carts/{cart.id}/lines/", {"lines": [line("POT")]}), 409, "cart_closed")


class TestAUsersCart:
    def test_lines_are_added_to_those_that_are_there(self, users_app: App, user: User, goods: Any) -> None:
        mine = filled_cart([goods["MUG"]], user_id=user.pk)
        answer = users_app.post("carts/", {"lines": [line("POT"), line("MUG", 2)], "delivery": DELIVERY})
        assert answer.json()["id"] == mine.id
        assert {each["sku"]: each["quantity"] for each in answer.json()["lines"]} == {"MUG": 3, "POT": 1}
        assert answer.json()["version"] > mine.version
        assert answer.json() == users_app.get(f"carts/{mine.id}/").json()

    def test_shipping_alone_is_chosen_for_the_cart_as_it_is(self, users_app: App, user: User) -> None:
        mine = filled_cart(1, user_id=user.pk)
        users_app.put(f"carts/{mine.id}/delivery/", DELIVERY)
        assert users_app.post("carts/", {"shipping": FLAT}).json()["shipping"]["code"] == "flat"

    def test_a_refusal_leaves_it_as_it_was(self, users_app: App, user: User) -> None:
        mine = ready_cart(1, user_id=user.pk)
        before = users_app.get(f"carts/{mine.id}/").json()
        body = {"lines": [line("MUG")], "delivery": {**DELIVERY, "email": "x@example.com"}, "shipping": {"code": "no"}}
        assert_problem(users_app.post("carts/", body), 409, "shipping_unavailable", "shipping.code")
        assert users_app.get(f"carts/{mine.id}/").json() == before

    def test_freight_follows_the_new_lines(self, users_app: App, user: User) -> None:
        mine = ready_cart(1, user_id=user.pk)
        users_app.post("carts/", {"lines": [line("MUG", 3)]})
        kept = Cart.objects.with_lines().get(token=mine.id)
        parcel = services.parcel_of(((each.product, each.quantity) for each in kept.lines.all()), kept.currency)
        assert kept.quote is not None
        assert kept.quote.parcel_fingerprint == parcel.fingerprint

    def test_not_while_it_is_being_paid(self, users_app: App, user: User) -> None:
        Cart.objects.filter(token=filled_cart(1, user_id=user.pk).id).update(status=CartStatus.CHECKING_OUT)
        assert_problem(users_app.post("carts/", {"lines": [line("MUG")]}), 409, "checkout_in_progress")
        assert users_app.post("carts/").status_code == 201


class TestShippingOptions:
    def test_are_what_their_own_call_answers(self, app: App) -> None:
        cart = app.post("carts/", {"lines": [line("MUG")], "delivery": DELIVERY}).json()
        assert cart["shipping_options"] == app.get(f"carts/{cart['id']}/shipping-options/").json()
        assert len(cart["shipping_options"]["options"]) == 1

    def test_follow_every_change(self, app: App) -> None:
        path = f"carts/{app.post('carts/', {'delivery': DELIVERY}).json()['id']}/"
        assert app.get(path).json()["shipping_options"] == {"options": []}
        for change in (
            app.post(f"{path}lines/", line("MUG")),
            app.patch(f"{path}lines/MUG/", {"quantity": 2}),
            app.put(f"{path}delivery/", DELIVERY),
            app.put(f"{path}shipping/", FLAT),
        ):
            assert [option["code"] for option in change.json()["shipping_options"]["options"]] == ["flat"]

    def test_are_null_while_there_is_no_address_and_once_the_cart_is_closed(self, app: App) -> None:
        cart = app.post("carts/", {"lines": [line("MUG")]}).json()
        assert cart["shipping_options"] is None
        app.put(f"carts/{cart['id']}/delivery/", DELIVERY)
        Cart.objects.filter(token=cart["id"]).update(status=CartStatus.ORDERED)
        services.snapshot.forget(Cart.objects.get(token=cart["id"]))
        assert app.get(f"carts/{cart['id']}/").json()["shipping_options"] is None

    @pytest.mark.django_db(transaction=True)
    def test_the_carrier_is_called_once_for_a_whole_cart(self, app: App, carrier: StandInCarrier) -> None:
        body = {"lines": [line("MUG")], "delivery": DELIVERY, "shipping": {"code": "melhor-envio-1"}}
        cart = app.post("carts/", body).json()
        assert cart["shipping"]["code"] == "melhor-envio-1"
        assert "melhor-envio-1" in [option["code"] for option in cart["shipping_options"]["options"]]
        app.get(f"carts/{cart['id']}/")
        app.get(f"carts/{cart['id']}/shipping-options/")
        assert carrier.calls == 1

    @pytest.mark.parametrize("kind", ["error", "hang"])
    @pytest.mark.django_db(transaction=True)
    def test_without_the_carrier_the_table_answers(
        self, app: App, carrier: StandInCarrier, settings: Any, kind: str
    ) -> None:
        settings.CARRIER_SECONDS = 0.4
        carrier.fault(kind)
        cart = app.post("carts/", {"lines": [line("MUG")], "delivery": DELIVERY, "shipping": FLAT}).json()
        assert [option["code"] for option in cart["shipping_options"]["options"]] == ["flat"]
        assert cart["shipping"]["code"] == "flat"


def test_a_verb_can_be_given_everything() -> None:
    contents = services.Contents(
        lines=(services.WantedLine("MUG", 2),), delivery=Delivery("a@example.com", "", PAULISTA), shipping_code="flat"
    )
    cart = services.start_cart(contents)
    assert (cart.version, cart.item_count, cart.address) == (1, 2, PAULISTA)
    assert cart.offer is not None
    assert [option.code for option in cart.offer.options] == ["flat"]
    assert CartLine.objects.count() == 1
