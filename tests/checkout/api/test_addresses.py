"""Address books in the API, and a cart that is delivered to one of their addresses."""

from typing import Any
from uuid import uuid4

import pytest

from cart.models import Cart
from config.accounts.models import User
from shipping.models import SavedAddress
from tests.support.api import App, assert_problem
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import filled_cart, flat_shipping

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]

BOOK = "me/addresses/"
PLACE = {
    "name": "Ana Souza", "street": "Avenida Paulista", "number": "1000", "complement": "ap. 42",
    "district": "Bela Vista", "city": "São Paulo", "state": "SP", "postal_code": "01310-100", "country": "BR",
}  # fmt: skip
NEW = {"phone": "11987654321", "tax_id": "529.982.247-25", "address": PLACE}


def save(app: App, **changes: str) -> dict[str, Any]:
    answer = app.post(BOOK, {**NEW, "address": {**PLACE, **changes}})
    assert answer.status_code == 201
    return answer.json()


def test_saved_listed_and_removed(users_app: App) -> None:
    saved = save(users_app)
    assert saved["address"] == {**PLACE, "postal_code": "01310100"}
    assert (saved["phone"], saved["tax_id"]) == ("11987654321", "***.982.247-**")
    last = save(users_app, number="7")
    assert users_app.get(BOOK).json() == {"results": [last, saved]}
    assert users_app.delete(f"{BOOK}{saved['id']}/").status_code == 204
    assert users_app.get(BOOK).json() == {"results": [last]}
    assert_problem(users_app.delete(f"{BOOK}{saved['id']}/"), 404, "not_found")


def test_sent_again_it_is_the_same(users_app: App) -> None:
    assert save(users_app)["id"] == save(users_app)["id"]


def test_it_is_for_those_who_are_signed_in(app: App, users_app: App) -> None:
    saved = save(users_app)
    cart = filled_cart()
    for answer in (
        app.get(BOOK),
        app.post(BOOK, NEW),
        app.delete(f"{BOOK}{saved['id']}/"),
        app.put(f"carts/{cart.id}/delivery/saved/", {"id": saved["id"]}),
    ):
        assert_problem(answer, 401, "not_authenticated")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tax_id": "***.982.247-**"}, "tax_id"),
        ({"tax_id": "529.982.247-24"}, "tax_id"),
        ({"address": {**PLACE, "state": "RJ"}}, "address.state"),
        ({"address": {**PLACE, "postal_code": "1"}}, "address.postal_code"),
        ({"mail": "x"}, "mail"),
    ],
)
def test_what_is_wrong_is_named(users_app: App, change: dict[str, Any], field: str) -> None:
    assert_problem(users_app.post(BOOK, {**NEW, **change}), 422, "invalid", field)
    assert not SavedAddress.objects.exists()


def test_a_cart_is_delivered_there(users_app: App, user: User) -> None:
    flat_shipping()
    first = save(users_app)
    save(users_app, number="7")
    cart = filled_cart(user_id=user.pk)
    answer = users_app.put(f"carts/{cart.id}/delivery/saved/", {"id": first["id"]})
    assert answer.status_code == 200
    told = answer.json()
    assert told["address"] == first["address"]
    assert (told["email"], told["tax_id"]) == (user.email, "***.982.247-**")
    row = Cart.objects.get()
    assert (row.tax_id, row.phone) == ("52998224725", "11987654321")
    assert users_app.get(BOOK).json()["results"][0]["id"] == first["id"], "the one used last"
    gift = users_app.put(f"carts/{cart.id}/delivery/saved/", {"id": first["id"], "email": "bia@example.com"})
    assert gift.json()["email"] == "bia@example.com"
    chosen = users_app.put(f"carts/{cart.id}/shipping/", {"code": "flat"}).json()
    assert users_app.check_out(chosen).status_code == 201


def test_an_address_of_someone_else_is_none(users_app: App, user: User) -> None:
    theirs = save(App(UserFactory()))
    cart = filled_cart(user_id=user.pk)
    for wanted in (theirs["id"], str(uuid4())):
        assert_problem(users_app.put(f"carts/{cart.id}/delivery/saved/", {"id": wanted}), 404, "not_found")
    assert_problem(users_app.put(f"carts/{cart.id}/delivery/saved/", {"id": "x"}), 422, "invalid", "id")
    assert Cart.objects.get().address is None
