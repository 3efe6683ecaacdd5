"""The address book on the pages: saved on wish, chosen in one tap, removed in the account."""

from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cart.models import Cart
from config.accounts.models import User
from inventory.models import Product
from shipping import address_book
from shipping.models import SavedAddress
from tests.checkout.pages.test_checkout import TYPED, checkout_of, pay_by_card
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import ADDRESS, CPF, flat_shipping
from tests.support.factories.inventory import ProductFactory
from tests.support.pages import Visitor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("static_files_from_apps", "sandbox")]

ONE_TAP = "/checkout/saved-address/"


@pytest.fixture
def product() -> Product:
    flat_shipping()
    return ProductFactory(name="Rede", stock=10)


@pytest.fixture
def member(visitor: Visitor) -> User:
    user = UserFactory(email="ana@example.com")
    visitor.client.force_login(user)
    return user


def test_an_address_is_saved_only_on_wish(visitor: Visitor, product: Product, member: User) -> None:
    page = checkout_of(visitor, product)
    page.send("/checkout/contact/", **TYPED)
    assert not SavedAddress.objects.exists()
    page.send("/checkout/contact/", **TYPED, tax_id=CPF, save_address="on")
    saved = SavedAddress.objects.get()
    assert (saved.user, saved.street, saved.tax_id, saved.phone) == (member, "Avenida Paulista", CPF, "11987654321")


def test_a_masked_tax_id_is_saved_whole(visitor: Visitor, product: Product, member: User) -> None:
    checkout_of(visitor, product).send("/checkout/contact/", **TYPED, tax_id=CPF)
    visitor.open("/checkout/?edit=contact").send("/checkout/contact/", save_address="on")
    assert SavedAddress.objects.get().tax_id == CPF


def test_a_guest_is_not_asked(visitor: Visitor, product: Product) -> None:
    page = checkout_of(visitor, product)
    assert "save_address" not in page.html
    assert ONE_TAP not in page.html
    page.send("/checkout/contact/", **TYPED, save_address="on")
    assert not SavedAddress.objects.exists()
    assert visitor.client.post(ONE_TAP, {"address": "x"}).url == "/checkout/"


def test_one_tap_leads_to_the_payment(visitor: Visitor, product: Product, member: User) -> None:
    address_book.save(member.pk, replace(ADDRESS, name="Bia Souza", number="7"), phone="11912345678", tax_id=CPF)
    address_book.save(member.pk, ADDRESS)
    page = checkout_of(visitor, product)
    ids = [value for _name, value in page.form(ONE_TAP).buttons]
    assert ids == [str(pk) for pk in SavedAddress.objects.of_user(member.pk).values_list("pk", flat=True)]
    assert CPF not in page.html
    delivery = page.send(ONE_TAP, address=ids[1])
    assert "Bia Souza" in delivery.html
    cart = Cart.objects.get()
    assert (cart.email, cart.name, cart.tax_id, cart.phone) == (member.email, "Bia Souza", CPF, "11912345678")
    assert SavedAddress.objects.of_user(member.pk).first().name == "Bia Souza"
    assert "Thank you" in pay_by_card(delivery.send("/checkout/delivery/")).html


def test_the_form_begins_with_the_one_used_last(visitor: Visitor, product: Product, member: User) -> None:
    address_book.save(member.pk, replace(ADDRESS, street="Rua A"), tax_id=CPF)
    fields = checkout_of(visitor, product).form("/checkout/contact/").fields
    assert (fields["street"], fields["tax_id"]) == ("Rua A", "***.982.247-**")
    visitor.open("/checkout/").send("/checkout/contact/")
    assert Cart.objects.get().tax_id == CPF


def test_another_shoppers_address_is_refused(visitor: Visitor, product: Product, member: User) -> None:
    theirs = address_book.save(UserFactory().pk, ADDRESS)
    page = checkout_of(visitor, product)
    for wanted in (str(theirs.pk), "x"):
        answer = visitor.client.post(ONE_TAP, {"address": wanted}, follow=True)
        assert "not in your address book any more" in answer.content.decode()
    assert Cart.objects.get().address is None
    visitor.client.post(f"/account/addresses/{theirs.pk}/remove/")
    assert SavedAddress.objects.exists()
    assert page.status == 200


def test_one_without_a_tax_id_leads_to_its_field(
    visitor: Visitor, product: Product, member: User, settings: Any
) -> None:
    saved = address_book.save(member.pk, ADDRESS)
    settings.TAX_ID = "required"
    page = checkout_of(visitor, product).send(ONE_TAP, address=str(saved.pk))
    assert "Enter the recipient&#x27;s CPF or CNPJ." in page.html
    fields = page.form("/checkout/contact/").fields
    assert (fields["street"], fields["tax_id"]) == (ADDRESS.street, "")


def test_the_page_in_the_account(visitor: Visitor, member: User) -> None:
    assert "No addresses saved" in visitor.open("/account/addresses/").html
    saved = address_book.save(member.pk, ADDRESS, tax_id=CPF)
    page = visitor.open("/account/addresses/")
    assert ADDRESS.street in page.html
    assert "CPF ***.982.247-**" in page.html
    assert CPF not in page.html
    assert "The address is removed" in page.send(f"/account/addresses/{saved.pk}/remove/").html
    assert not SavedAddress.objects.exists()
    visitor.client.logout()
    assert visitor.open("/account/addresses/").url == "/account/sign-in/"


def test_it_costs_no_statement_more(visitor: Visitor, product: Product, member: User) -> None:
    """What a member's form begins with, and the address book, are one statement, whatever is in them."""
    checkout_of(visitor, product)
    costs = []
    for number in (0, 1, 10):
        for place in range(number):
            address_book.save(member.pk, replace(ADDRESS, number=str(place)))
        visitor.open("/checkout/")
        with CaptureQueriesContext(connection) as queries:
            assert visitor.open("/checkout/").html.count("choice--button") == number
        costs.append(len(queries))
    assert costs == [1, 1, 1]
