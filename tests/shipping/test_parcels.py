"""Volumetric weight, and what makes two parcels the same."""

from decimal import Decimal
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from shipping.parcels import Parcel, ParcelItem
from tests.support.factories.shipping import ParcelItemFactory

items = st.builds(
    ParcelItem,
    weight_grams=st.integers(1, 30_000),
    length_cm=st.integers(1, 200),
    width_cm=st.integers(1, 200),
    height_cm=st.integers(1, 200),
    quantity=st.integers(1, 99),
    unit_value=st.decimals("0.01", "99999.99", places=2),
)


def test_a_large_light_item_counts_by_volume():
    assert Parcel.of([ParcelItemFactory(length_cm=60, width_cm=50, height_cm=40)]).billable_grams == 20_000


def test_a_small_heavy_item_counts_by_weight():
    assert Parcel.of([ParcelItemFactory(weight_grams=900, quantity=3)]).billable_grams == 2_700


@given(st.lists(items, min_size=1, max_size=50))
def test_billable_weight_is_the_larger_of_both_rounded_up(goods):
    parcel = Parcel.of(goods)
    weight = sum(item.weight_grams * item.quantity for item in goods)
    volume = sum(item.length_cm * item.width_cm * item.height_cm * item.quantity for item in goods)
    kilograms = Decimal(volume) / 6000
    assert parcel.billable_grams >= weight
    assert parcel.billable_grams >= kilograms * 1000
    assert parcel.billable_grams - max(Decimal(weight), kilograms * 1000) < 1
    assert parcel.value == sum(item.unit_value * item.quantity for item in goods)


@given(st.lists(items, min_size=1, max_size=8), st.randoms())
def test_the_fingerprint_does_not_depend_on_the_order(goods, random: Random):
    shuffled = random.sample(goods, len(goods))
    assert Parcel.of(goods).fingerprint == Parcel.of(shuffled).fingerprint


@given(items, st.sampled_from(["weight_grams", "length_cm", "width_cm", "height_cm", "quantity"]))
def test_the_fingerprint_covers_every_fact_that_changes_the_price(item, fact):
    changed = ParcelItem(**{**vars(item), fact: getattr(item, fact) + 1})
    assert Parcel.of([item]).fingerprint != Parcel.of([changed]).fingerprint


def test_a_cheaper_product_keeps_the_fingerprint_and_another_currency_does_not():
    item, cheaper = ParcelItemFactory(unit_value=Decimal("80.00")), ParcelItemFactory(unit_value=Decimal("60.00"))
    assert Parcel.of([item]).fingerprint == Parcel.of([cheaper]).fingerprint
    assert Parcel.of([item]).fingerprint != Parcel.of([item], currency="USD").fingerprint
