"""Address books: kept on wish, the one used last first, bounded, and nobody else's."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone, translation

from config.exceptions import Refusal
from shipping import address_book
from shipping.exceptions import InvalidTaxId, SavedAddressNotFound, TaxIdRequired
from shipping.models import SavedAddress
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import ADDRESS, CPF

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> int:
    return int(UserFactory().pk)


def streets(user_id: int) -> list[str]:
    return list(SavedAddress.objects.of_user(user_id).values_list("street", flat=True))


def at(minutes: int) -> Any:
    return time_machine.travel(timezone.now() + timedelta(minutes=minutes), tick=False)


def test_the_one_used_last_comes_first(owner: int) -> None:
    for minutes, street in enumerate(["Rua A", "Rua B", "Rua C"]):
        with at(minutes):
            address_book.save(owner, replace(ADDRESS, street=street))
    assert streets(owner) == ["Rua C", "Rua B", "Rua A"]
    with at(10):
        address_book.use(owner, SavedAddress.objects.get(street="Rua B").pk)
    assert streets(owner) == ["Rua B", "Rua C", "Rua A"]


def test_the_same_place_is_renewed_and_not_kept_twice(owner: int) -> None:
    first = address_book.save(owner, ADDRESS, phone="1", tax_id=CPF)
    again = address_book.save(owner, replace(ADDRESS, district="Centro"), phone="2")
    assert again.pk == first.pk
    kept = SavedAddress.objects.get()
    assert (kept.district, kept.phone, kept.tax_id) == ("Centro", "2", "")
    address_book.save(owner, replace(ADDRESS, name="Bia Souza"))
    address_book.save(UserFactory().pk, ADDRESS)
    assert SavedAddress.objects.count() == 3


def test_beyond_twenty_the_one_unused_for_longest_goes(owner: int) -> None:
    for number in range(address_book.ADDRESSES_PER_USER + 2):
        with at(number):
            address_book.save(owner, replace(ADDRESS, number=str(number)))
    kept = set(SavedAddress.objects.of_user(owner).values_list("street_number", flat=True))
    assert kept == {str(number) for number in range(2, address_book.ADDRESSES_PER_USER + 2)}


def test_nobody_uses_or_removes_anothers(owner: int) -> None:
    theirs = address_book.save(owner, ADDRESS)
    other = UserFactory().pk
    for verb in (address_book.use, address_book.remove):
        with pytest.raises(SavedAddressNotFound):
            verb(other, theirs.pk)
    address_book.remove(owner, theirs.pk)
    with pytest.raises(SavedAddressNotFound):
        address_book.remove(owner, theirs.pk)


def test_it_is_checked_like_a_delivery(owner: int, settings: Any) -> None:
    with translation.override("en"), pytest.raises(Refusal, match="not in the selected state"):
        address_book.save(owner, replace(ADDRESS, state="RJ"))
    with pytest.raises(InvalidTaxId):
        address_book.save(owner, ADDRESS, tax_id="***.982.247-**")
    settings.TAX_ID = "required"
    with pytest.raises(TaxIdRequired):
        address_book.save(owner, ADDRESS)
    settings.TAX_ID = "off"
    assert address_book.save(owner, ADDRESS, tax_id=CPF).tax_id == ""
