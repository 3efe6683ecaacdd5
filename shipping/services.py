"""What it costs to bring a parcel, and the promise of that price."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from shipping import carriers
from shipping.exceptions import ShippingQuoteExpired, ShippingRequired, ShippingUnavailable
from shipping.models import Quote, ShippingMethod, ShippingRate
from shipping.options import ShippingOption as ShippingOption
from shipping.options import cheapest_first
from shipping.parcels import Parcel
from shipping.rate_table import forget_rates_on_commit, options_by_table
from shipping.tariff import MethodTariff, RateRow


def options(parcel: Parcel, postal_code: str) -> list[ShippingOption]:
    """Every way to bring `parcel` to `postal_code` (8 digits), cheapest first; empty where there is none.

    Where a carrier is configured and offers something, its services replace the rate table's methods; where it is away,
    slow or has nothing to offer, the table stands in. May call the network: raises NetworkCallInTransaction inside a
    transaction. At most 2 statements with a cold cache, none with a warm one, whatever is in the parcel.
    """
    if not parcel.items:
        return []
    return cheapest_first(carriers.rates(parcel, postal_code)) or options_by_table(parcel, postal_code)


def known_options(parcel: Parcel, postal_code: str) -> list[ShippingOption] | None:
    """`options` without a network call, for use under a lock; None where the carrier would have to be asked."""
    if not parcel.items:
        return []
    remembered = carriers.remembered_rates(parcel, postal_code)
    if remembered is None:
        return None
    return cheapest_first(remembered) or options_by_table(parcel, postal_code)


def choose(offered: list[ShippingOption], code: str) -> ShippingOption:
    """The option `code` of those offered. Raises ShippingUnavailable where it is not, or no longer, among them."""
    for option in offered:
        if option.code == code:
            return option
    raise ShippingUnavailable(method=code)


def make_quote(reference: str, option: ShippingOption, parcel: Parcel, postal_code: str) -> Quote:
    """Promise the price of `option`, which was offered for this parcel and postal code, for `SHIPPING_QUOTE_MINUTES`.

    `reference` is opaque: the caller's own name for what is being shipped. One statement; only writes.
    """
    now = timezone.now()
    return Quote.objects.create(
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


def check_quote(quote: Quote | None, parcel: Parcel, postal_code: str, now: datetime) -> Quote:
    """The quote, if it holds for this parcel, this postal code and this moment. No statements.

    Raises ShippingRequired where there is none, ShippingQuoteExpired where it no longer holds.
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


def forget_quotes(expired_before: datetime, *, keep: QuerySet[Any, Any] | None = None, limit: int = 1000) -> int:
    """Delete at most `limit` quotes that expired before that moment; how many went.

    `keep` selects the ids of quotes that must stay (those of orders, say). Who else points at one loses it.
    """
    expired = Quote.objects.expired_before(expired_before)
    if keep is not None:
        expired = expired.exclude(pk__in=keep)
    return Quote.objects.filter(pk__in=expired.order_by("expires_at").values("pk")[:limit]).delete()[0]


@dataclass(frozen=True)
class RatesLoaded:
    """How many rates a load wrote, and how many were right already."""

    added: int
    changed: int
    removed: int
    kept: int


def load_rates(methods: Iterable[MethodTariff], rows: Iterable[RateRow], currency: str) -> RatesLoaded:
    """Make the rates of `methods` in `currency` exactly `rows`; other methods and currencies are left alone.

    One transaction, 7 statements at most beside the methods' own, whatever the number of rows. The method rows are
    locked, so that two loads follow each other. Methods that are there keep their name and whether they are active.
    """
    with transaction.atomic():
        by_code = _methods_for_update(methods)
        wanted = {_case(by_code[row.method_code].pk, row): row for row in rows}
        on_file = ShippingRate.objects.filter(method__in=by_code.values(), currency=currency)
        present = {_case(rate.method_id, rate): rate for rate in on_file}
        gone = [rate.pk for case, rate in present.items() if case not in wanted]
        changed = [rate for case, rate in present.items() if case in wanted and _take_over(rate, wanted[case])]
        new = [_rate(by_code[row.method_code], row, currency) for case, row in wanted.items() if case not in present]
        # Removed first: a new rate may cover the case of an old one, and the database lets no two rates overlap.
        ShippingRate.objects.filter(pk__in=gone).delete()
        ShippingRate.objects.bulk_update(changed, _TERMS)
        ShippingRate.objects.bulk_create(new)
        forget_rates_on_commit()
    return RatesLoaded(len(new), len(changed), len(gone), len(present) - len(gone) - len(changed))


_TERMS = ("state", "price", "min_days", "max_days")


def _case(method_id: int, rate: RateRow | ShippingRate) -> tuple[int, str, str, int, int]:
    """What a rate is for: no two rates of the file share it."""
    return (method_id, rate.postal_code_from, rate.postal_code_to, rate.weight_from_grams, rate.weight_to_grams)


def _take_over(rate: ShippingRate, row: RateRow) -> bool:
    """Give `rate` the terms of `row`; whether that changed anything."""
    changed = any(getattr(rate, term) != getattr(row, term) for term in _TERMS)
    for term in _TERMS:
        setattr(rate, term, getattr(row, term))
    return changed


def _rate(method: ShippingMethod, row: RateRow, currency: str) -> ShippingRate:
    facts = asdict(row)
    del facts["method_code"]
    return ShippingRate(method=method, currency=currency, **facts)


def _methods_for_update(methods: Iterable[MethodTariff]) -> dict[str, ShippingMethod]:
    """The methods by code, made where they are missing, their rows locked in order."""
    named = {method.code: method.name for method in methods}
    ShippingMethod.objects.bulk_create(
        [ShippingMethod(code=code, name=name, position=place) for place, (code, name) in enumerate(named.items(), 1)],
        ignore_conflicts=True,
    )
    return {method.code: method for method in ShippingMethod.objects.for_update(list(named))}
