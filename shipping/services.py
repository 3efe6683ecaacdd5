"""Shipping options, quotes, and loading the rate table."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from config.db import rows
from shipping import carriers
from shipping.exceptions import ShippingQuoteExpired, ShippingRequired, ShippingUnavailable
from shipping.models import Quote, ShippingMethod, ShippingRate
from shipping.options import ShippingOption as ShippingOption
from shipping.options import cheapest_first
from shipping.parcels import Parcel
from shipping.rate_table import forget_rates_on_commit, options_by_table
from shipping.tariff import MethodTariff, RateRow


def options(parcel: Parcel, postal_code: str) -> list[ShippingOption]:
    """All shipping options for `parcel` to `postal_code` (8 digits), cheapest first; may be empty.

    Options of the configured carrier replace those of the rate table, which is the fallback if the carrier is
    unavailable, slow or has no offer. May call the network: raises NetworkCallInTransaction inside a transaction. At
    most 2 statements with a cold cache, none with a warm one, for any parcel.
    """
    if not parcel.items:
        return []
    return cheapest_first(carriers.rates(parcel, postal_code)) or options_by_table(parcel, postal_code)


def ask_ahead(parcel: Parcel, postal_code: str) -> None:
    """Begin to ask for the prices of `options`, and return at once: they will be wanted soon. No statements."""
    if parcel.items:
        carriers.ask_ahead(parcel, postal_code)


def known_options(parcel: Parcel, postal_code: str) -> list[ShippingOption] | None:
    """Like `options`, without a network call, for use under a lock; None if the carrier's rates are not cached."""
    if not parcel.items:
        return []
    cached = carriers.cached_rates(parcel, postal_code)
    if cached is None:
        return None
    return cheapest_first(cached) or options_by_table(parcel, postal_code)


def choose(offered: list[ShippingOption], code: str) -> ShippingOption:
    """The option `code` among those offered. Raises ShippingUnavailable if it is not, or no longer, one of them."""
    for option in offered:
        if option.code == code:
            return option
    raise ShippingUnavailable(method=code)


def make_quote(reference: str, option: ShippingOption, parcel: Parcel, postal_code: str) -> Quote:
    """Quote the price of `option`, offered for this parcel and postal code, for `SHIPPING_QUOTE_MINUTES`.

    `reference` is opaque: the caller's name for what is shipped. One statement, an insert.
    """
    now = timezone.now()
    quote = Quote(
        reference=reference,
        method_code=option.code,
        method_name=option.method_name,
        price=option.price,
        currency=option.currency,
        min_days=option.min_days,
        max_days=option.max_days,
        postal_code=postal_code,
        parcel_fingerprint=parcel.fingerprint,
        created_at=now,
        expires_at=now + timedelta(minutes=settings.SHIPPING_QUOTE_MINUTES),
    )
    rows.insert(quote)
    return quote


def check_quote(quote: Quote | None, parcel: Parcel, postal_code: str, now: datetime) -> Quote:
    """The quote, if it is valid for this parcel and postal code at `now`. No statements.

    Raises ShippingRequired if there is none, ShippingQuoteExpired if it is no longer valid.
    """
    if quote is None:
        raise ShippingRequired
    if quote.expires_at <= now:
        raise ShippingQuoteExpired(reason="expired")
    if quote.postal_code != postal_code:
        raise ShippingQuoteExpired(reason="address_changed")
    if quote.parcel_fingerprint != parcel.fingerprint or quote.currency != parcel.currency:
        raise ShippingQuoteExpired(reason="cart_changed")
    return quote


@dataclass(frozen=True)
class RatesLoaded:
    """How many rates a load wrote, and how many were already up to date."""

    added: int
    changed: int
    removed: int
    kept: int


def load_rates(methods: Iterable[MethodTariff], rows: Iterable[RateRow], currency: str) -> RatesLoaded:
    """Replace the rates of `methods` in `currency` with `rows`; other methods and currencies are untouched.

    One transaction, at most 7 statements besides those for the methods, for any number of rows. The method rows are
    locked, which serialises concurrent loads. Existing methods keep their name and active flag.
    """
    with transaction.atomic():
        by_code = _methods_for_update(methods)
        wanted = {_case(by_code[row.method_code].pk, row): row for row in rows}
        existing = ShippingRate.objects.filter(method__in=by_code.values(), currency=currency)
        present = {_case(rate.method_id, rate): rate for rate in existing}
        gone = [rate.pk for case, rate in present.items() if case not in wanted]
        changed = [rate for case, rate in present.items() if case in wanted and _apply_terms(rate, wanted[case])]
        new = [_rate(by_code[row.method_code], row, currency) for case, row in wanted.items() if case not in present]
        # Delete first: a new rate may overlap an old one, which the exclusion constraint forbids.
        ShippingRate.objects.filter(pk__in=gone).delete()
        ShippingRate.objects.bulk_update(changed, _TERMS)
        ShippingRate.objects.bulk_create(new)
        forget_rates_on_commit()
    return RatesLoaded(len(new), len(changed), len(gone), len(present) - len(gone) - len(changed))


_TERMS = ("state", "price", "min_days", "max_days")


def _case(method_id: int, rate: RateRow | ShippingRate) -> tuple[int, str, str, int, int]:
    """The key of a rate: unique within the file."""
    return (method_id, rate.postal_code_from, rate.postal_code_to, rate.weight_from_grams, rate.weight_to_grams)


def _apply_terms(rate: ShippingRate, row: RateRow) -> bool:
    """Set the terms of `rate` from `row`; returns whether they changed."""
    changed = any(getattr(rate, term) != getattr(row, term) for term in _TERMS)
    for term in _TERMS:
        setattr(rate, term, getattr(row, term))
    return changed


def _rate(method: ShippingMethod, row: RateRow, currency: str) -> ShippingRate:
    facts = asdict(row)
    del facts["method_code"]
    return ShippingRate(method=method, currency=currency, **facts)


def _methods_for_update(methods: Iterable[MethodTariff]) -> dict[str, ShippingMethod]:
    """The methods by code, created if missing, rows locked in order."""
    named = {method.code: method.name for method in methods}
    ShippingMethod.objects.bulk_create(
        [ShippingMethod(code=code, name=name, position=place) for place, (code, name) in enumerate(named.items(), 1)],
        ignore_conflicts=True,
    )
    return {method.code: method for method in ShippingMethod.objects.for_update(list(named))}
