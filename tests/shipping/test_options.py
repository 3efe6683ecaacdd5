"""The shipping options of a parcel, and the statements they cost."""

from decimal import Decimal

import pytest
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shipping import tariff
from shipping.models import ShippingMethod, ShippingRate
from shipping.parcels import Parcel
from shipping.postal_codes import state_of
from shipping.services import options
from tests.support.factories.shipping import (
    MANAUS,
    SAO_PAULO,
    ParcelItemFactory,
    ShippingRateFactory,
    load_rates,
    parcel,
)

pytestmark = pytest.mark.django_db


def _prices(weight_grams: int, postal_code: str = SAO_PAULO) -> dict[str, Decimal]:
    """The price by method of a small, heavy parcel."""
    goods = parcel(weight_grams=weight_grams, length_cm=1, width_cm=1, height_cm=1)
    return {option.code: option.price for option in options(goods, postal_code)}


def test_cheapest_first_and_the_more_expensive_is_faster():
    load_rates()
    economy, express = options(parcel(), SAO_PAULO)
    assert (economy.code, economy.price, economy.min_days, economy.max_days) == ("economica", Decimal("12.90"), 2, 4)
    assert (express.code, express.price, express.min_days, express.max_days) == ("expressa", Decimal("18.90"), 1, 1)
    assert economy.currency == "BRL"


def test_names_in_the_readers_language_and_as_typed_where_staff_chose_one():
    load_rates()
    ShippingMethod.objects.filter(code="expressa").update(name="Motoboy")
    with translation.override("en"):
        assert [option.name for option in options(parcel(), SAO_PAULO)] == ["Economy", "Motoboy"]


def test_the_capital_is_cheaper_than_the_interior_and_near_than_far():
    load_rates()
    capital, interior, far = (_prices(900, code)["economica"] for code in (SAO_PAULO, "13010001", MANAUS))
    assert capital < interior < far


@pytest.mark.parametrize(
    ("grams", "price"),
    [(300, "12.90"), (301, "14.90"), (30_000, "84.90"), (30_001, "97.80"), (60_000, "169.80"), (75_000, "217.70")],
)
def test_a_band_holds_up_to_its_end_and_more_than_the_last_goes_as_several_boxes(grams, price):
    load_rates()
    # In units of at most 30 kg, since a unit has to fit into one box.
    goods = Parcel.of(
        [
            ParcelItemFactory(weight_grams=unit, length_cm=1, width_cm=1, height_cm=1)
            for unit in [30_000] * (grams // 30_000) + [grams % 30_000]
            if unit
        ]
    )
    assert options(goods, SAO_PAULO)[0].price == Decimal(price)


def test_fifty_lines_can_be_shipped():
    load_rates()
    assert len(options(Parcel.of([ParcelItemFactory(quantity=99) for _ in range(50)]), MANAUS)) == 2


def test_a_unit_that_fits_no_box_has_no_options():
    load_rates()
    assert options(parcel(weight_grams=30_001), SAO_PAULO) == []
    assert options(parcel(length_cm=100, width_cm=100, height_cm=100), SAO_PAULO) == []


def test_an_empty_parcel_has_no_options():
    load_rates()
    assert options(Parcel.of([]), SAO_PAULO) == []


def test_unassigned_codes_inactive_methods_and_other_currencies_are_not_served():
    load_rates()
    assert options(parcel(), "78950000") == []
    assert options(parcel(), "00000000") == []
    assert options(Parcel.of([ParcelItemFactory()], currency="USD"), SAO_PAULO) == []
    method = ShippingMethod.objects.get(code="expressa")
    method.active = False
    method.save()
    cache.delete_pattern("*")
    assert [option.code for option in options(parcel(), SAO_PAULO)] == ["economica"]


def test_each_method_keeps_its_own_largest_box():
    small = ShippingRateFactory(weight_to_grams=10_000, price=Decimal("5.00"))
    large = ShippingRateFactory(weight_to_grams=30_000, price=Decimal("8.00"))
    goods = parcel(weight_grams=10_000, quantity=3)
    assert [(option.code, option.price) for option in options(goods, SAO_PAULO)] == [
        (large.method.code, Decimal("8.00")),
        (small.method.code, Decimal("15.00")),
    ]


@pytest.mark.parametrize("lines", [1, 50])
def test_two_statements_cold_and_none_warm_for_any_parcel(lines, django_assert_num_queries):
    load_rates()
    goods = Parcel.of([ParcelItemFactory(weight_grams=100 + line) for line in range(lines)])
    with django_assert_num_queries(2):
        cold = options(goods, SAO_PAULO)
    with django_assert_num_queries(0):
        assert options(goods, SAO_PAULO) == cold
    with django_assert_num_queries(0):
        assert options(parcel(weight_grams=9_000), "01001000"), "same range, other weight: already cached"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", ["save", "delete", "method"])
def test_a_change_of_rates_is_seen_at_once(change):
    load_rates()
    before = options(parcel(), SAO_PAULO)
    rate = ShippingRate.objects.get(
        method__code="economica", postal_code_from="01000000", weight_to_grams=tariff.BAND_GRAMS[0]
    )
    if change == "save":
        rate.price = Decimal("1.00")
        rate.save()
    elif change == "delete":
        ShippingRate.objects.filter(method=rate.method).delete()
    else:
        rate.method.active = False
        rate.method.save()
    assert options(parcel(), SAO_PAULO) != before


@pytest.mark.django_db(transaction=True)
def test_a_load_is_seen_at_once():
    load_rates()
    ShippingRate.objects.filter(method__code="economica").update(price=Decimal("1.00"))
    assert options(parcel(), SAO_PAULO)[0].price == Decimal("1.00")
    load_rates()
    assert options(parcel(), SAO_PAULO)[0].price == Decimal("12.90")


def test_heavier_never_costs_less(django_db_blocker):
    load_rates()

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        weight=st.integers(1, 30_000),
        more=st.integers(1, 200_000),
        prefix=st.integers(1000, 99999).filter(lambda prefix: state_of(f"{prefix:05d}000")),
    )
    def check(weight: int, more: int, prefix: int) -> None:
        postal_code = f"{prefix:05d}000"
        unit = ParcelItemFactory(weight_grams=weight, length_cm=1, width_cm=1, height_cm=1)
        extra = [
            ParcelItemFactory(weight_grams=part, length_cm=1, width_cm=1, height_cm=1)
            for part in [30_000] * (more // 30_000) + [more % 30_000]
            if part
        ]
        light = {option.code: option.price for option in options(Parcel.of([unit]), postal_code)}
        heavy = {option.code: option.price for option in options(Parcel.of([unit, *extra]), postal_code)}
        assert set(light) == set(heavy) == {"economica", "expressa"}
        assert all(light[code] <= heavy[code] for code in light)

    check()


def test_the_database_refuses_overlapping_rates():
    rate = ShippingRateFactory(postal_code_from="01000000", postal_code_to="01999999", weight_to_grams=1_000)
    overlapping = {"method": rate.method, "postal_code_from": "01999999", "weight_from_grams": 999}
    with pytest.raises(ValidationError):
        ShippingRateFactory.build(**overlapping).full_clean()
    # Adjacent ranges are fine: the next postal code, or the next gram.
    ShippingRateFactory(method=rate.method, postal_code_from="02000000", weight_to_grams=1_000)
    ShippingRateFactory(method=rate.method, weight_from_grams=1_000)
    with pytest.raises(IntegrityError, match="shipping_rate_one_price_per_case"):
        ShippingRateFactory(**overlapping)
