"""Shipping for every suite: the real rate table, items and parcels, quotes."""

from datetime import timedelta
from decimal import Decimal

import factory
from django.utils import timezone

from shipping import tariff
from shipping.models import Quote, ShippingMethod, ShippingRate
from shipping.parcels import Parcel, ParcelItem
from shipping.services import RatesLoaded
from shipping.services import load_rates as load

SAO_PAULO = "01310200"
MANAUS = "69005010"


def load_rates() -> RatesLoaded:
    """The shop's full rate table: both methods, 27 states."""
    return load(tariff.METHODS, tariff.rows(), tariff.CURRENCY)


class ShippingMethodFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = ShippingMethod

    code = factory.Sequence(lambda number: f"method-{number}")
    name = factory.Sequence(lambda number: f"Method {number}")
    position = factory.Sequence(lambda number: number)


class ShippingRateFactory(factory.django.DjangoModelFactory):
    """One box of up to 30 kg to anywhere."""

    class Meta:
        model = ShippingRate

    method = factory.SubFactory(ShippingMethodFactory)
    state = "SP"
    postal_code_from = "00000000"
    postal_code_to = "99999999"
    weight_from_grams = 0
    weight_to_grams = 30_000
    price = Decimal("10.00")
    min_days = 2
    max_days = 4


class ParcelItemFactory(factory.Factory):
    """A T-shirt: 200 g, 30 × 25 × 2 cm, which counts as 250 g."""

    class Meta:
        model = ParcelItem

    weight_grams = 200
    length_cm = 30
    width_cm = 25
    height_cm = 2
    quantity = 1
    unit_value = Decimal("79.90")


def parcel(*items: ParcelItem, **facts: object) -> Parcel:
    """A parcel of `items`, or of one T-shirt with `facts` changed."""
    return Parcel.of(items or [ParcelItemFactory(**facts)])


class QuoteFactory(factory.django.DjangoModelFactory):
    """A live quote for `parcel` (one T-shirt) to São Paulo."""

    class Meta:
        model = Quote

    class Params:
        parcel = factory.LazyFunction(parcel)

    reference = factory.Sequence(lambda number: f"cart-{number}")
    method_code = "economica"
    method_name = "Economy"
    price = Decimal("12.90")
    currency = "BRL"
    min_days = 2
    max_days = 4
    postal_code = SAO_PAULO
    parcel_fingerprint = factory.LazyAttribute(lambda quote: quote.parcel.fingerprint)
    created_at = factory.LazyFunction(timezone.now)
    expires_at = factory.LazyAttribute(lambda quote: quote.created_at + timedelta(minutes=30))
