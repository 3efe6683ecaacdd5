"""A quote is valid for one parcel, one postal code and half an hour."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone, translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shipping.exceptions import ShippingQuoteExpired, ShippingRequired, ShippingUnavailable
from shipping.models import Quote, ShippingRate
from shipping.parcels import Parcel
from shipping.services import check_quote, choose, make_quote, options
from tests.support.factories.shipping import MANAUS, SAO_PAULO, ParcelItemFactory, QuoteFactory, load_rates, parcel

pytestmark = pytest.mark.django_db


def _quote(code: str, goods: Parcel, postal_code: str) -> Quote:
    return make_quote("cart-1", choose(options(goods, postal_code), code), goods, postal_code)


def test_a_quote_stores_the_offer():
    load_rates()
    before = timezone.now()
    quote = _quote("expressa", parcel(), SAO_PAULO)
    ShippingRate.objects.update(price=Decimal("999.00"))

    quote.refresh_from_db()
    assert (quote.reference, quote.method_code, quote.price, quote.currency) == (
        "cart-1",
        "expressa",
        Decimal("18.90"),
        "BRL",
    )
    assert before + timedelta(minutes=30) <= quote.expires_at <= timezone.now() + timedelta(minutes=30)
    check_quote(quote, parcel(), SAO_PAULO, before)


def test_the_quotes_name_is_in_the_readers_language():
    load_rates()
    with translation.override("pt-br"):
        quote = _quote("expressa", parcel(), SAO_PAULO)
    with translation.override("en"):
        assert quote.name == "Express"


@pytest.mark.parametrize(
    ("code", "goods", "postal_code"),
    [
        ("drone", {}, SAO_PAULO),
        ("economica", {"weight_grams": 40_000}, SAO_PAULO),
        ("economica", {}, "78950000"),
    ],
)
def test_what_cannot_be_shipped_is_refused_by_name(code, goods, postal_code):
    load_rates()
    with pytest.raises(ShippingUnavailable) as refused:
        _quote(code, parcel(**goods), postal_code)
    assert (refused.value.code, refused.value.status) == ("shipping_unavailable", 409)
    assert not Quote.objects.exists()


def test_a_missing_quote_is_refused():
    with pytest.raises(ShippingRequired) as refused:
        check_quote(None, parcel(), SAO_PAULO, timezone.now())
    assert (refused.value.code, refused.value.status) == ("shipping_required", 409)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"minutes": 30}, "expired"),
        ({"postal_code": MANAUS}, "address_changed"),
        ({"goods": {"quantity": 2}}, "cart_changed"),
        ({"currency": "USD"}, "cart_changed"),
    ],
)
def test_an_invalid_quote_is_refused(change, reason, django_assert_num_queries):
    quote = QuoteFactory()
    goods = Parcel.of([ParcelItemFactory(**change.get("goods", {}))], change.get("currency", "BRL"))
    now = quote.created_at + timedelta(minutes=change.get("minutes", 0))
    with django_assert_num_queries(0), pytest.raises(ShippingQuoteExpired) as refused:
        check_quote(quote, goods, change.get("postal_code", SAO_PAULO), now)
    assert refused.value.details == {"reason": reason}
    assert (refused.value.code, refused.value.status) == ("shipping_quote_expired", 409)


def test_a_quote_is_valid_to_its_last_moment():
    quote = QuoteFactory()
    check_quote(quote, parcel(), SAO_PAULO, quote.expires_at - timedelta(microseconds=1))


@pytest.mark.parametrize("lines", [1, 50])
def test_statements_do_not_grow_with_the_lines(lines, django_assert_num_queries):
    load_rates()
    goods = Parcel.of([ParcelItemFactory(quantity=line) for line in range(1, lines + 1)])
    with django_assert_num_queries(3):
        quote = _quote("economica", goods, SAO_PAULO)
    with django_assert_num_queries(0):
        check_quote(quote, goods, SAO_PAULO, quote.created_at)
    with django_assert_num_queries(1):
        _quote("economica", goods, SAO_PAULO)


def test_every_option_can_be_quoted_at_its_price():
    load_rates()

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        sizes=st.lists(st.tuples(st.integers(1, 9_000), st.integers(1, 40), st.integers(1, 9)), min_size=1, max_size=9),
        postal_code=st.sampled_from([SAO_PAULO, MANAUS, "88010000", "69900000", "59140000"]),
    )
    def check(sizes: list[tuple[int, int, int]], postal_code: str) -> None:
        goods = Parcel.of(
            ParcelItemFactory(weight_grams=grams, length_cm=length, quantity=quantity)
            for grams, length, quantity in sizes
        )
        for option in options(goods, postal_code):
            made = make_quote("cart-1", option, goods, postal_code)
            kept = Quote.objects.get(pk=made.pk)
            assert (kept.price, kept.min_days, kept.max_days) == (option.price, option.min_days, option.max_days)
            check_quote(kept, goods, postal_code, kept.created_at)

    check()
