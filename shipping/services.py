"""What it costs to bring a parcel, and the promise of that price."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from secrets import token_hex
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from config.cache import cached, drop_on_commit
from config.money import round_money
from shipping.exceptions import ShippingQuoteExpired, ShippingRequired, ShippingUnavailable
from shipping.models import Quote, ShippingMethod, ShippingRate
from shipping.parcels import Parcel
from shipping.tariff import MethodTariff, RateRow

CACHE_NAME = "shipping_options"
CACHE_SECONDS = 10 * 60
RANGES_KEY = "ranges"


@dataclass(frozen=True)
class ShippingOption:
    """One way to receive a parcel; days are working days."""

    code: str
    method_name: str
    price: Decimal
    currency: str
    min_days: int
    max_days: int

    @property
    def name(self) -> str:
        """The method's name in the reader's language."""
        return gettext(self.method_name)


@dataclass(frozen=True)
class Band:
    up_to_grams: int
    price: Decimal
    min_days: int
    max_days: int


@dataclass(frozen=True)
class MethodBands:
    """One method's prices for one stretch of postal codes, lightest band first."""

    code: str
    name: str
    bands: tuple[Band, ...]


@dataclass(frozen=True)
class Ranges:
    """Where the rates change along the postal codes. Each edition of the rates has its own keys in the cache."""

    edition: str
    starts: tuple[str, ...]

    def start_of(self, postal_code: str) -> str:
        """The first code of the stretch around `postal_code`, within which every rate is the same."""
        position = bisect_right(self.starts, postal_code)
        return self.starts[position - 1] if position else "00000000"


def options(parcel: Parcel, postal_code: str) -> list[ShippingOption]:
    """Every method that brings `parcel` to `postal_code` (8 digits), cheapest first; empty where none does.

    At most 2 statements with a cold cache, none with a warm one, whatever is in the parcel.
    """
    if not parcel.items:
        return []
    found = [_price(method, parcel) for method in _methods_reaching(postal_code, parcel.currency)]
    return sorted((option for option in found if option), key=lambda option: (option.price, option.max_days))


def make_quote(reference: str, code: str, parcel: Parcel, postal_code: str) -> Quote:
    """Promise the price of method `code` for `SHIPPING_QUOTE_MINUTES`. Raises ShippingUnavailable.

    `reference` is opaque: the caller's own name for what is being shipped. One statement more than `options`.
    """
    option = next((option for option in options(parcel, postal_code) if option.code == code), None)
    if option is None:
        raise ShippingUnavailable(method=code)
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


def forget_rates_on_commit() -> None:
    """Drop the cached ranges once the transaction under way has committed; no cached band is found without them."""
    drop_on_commit(CACHE_NAME, RANGES_KEY)


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


def _methods_reaching(postal_code: str, currency: str) -> list[MethodBands]:
    ranges = cached(CACHE_NAME, RANGES_KEY, CACHE_SECONDS, _load_ranges)
    start = ranges.start_of(postal_code)
    key = f"bands:{ranges.edition}:{currency}:{start}"
    return cached(CACHE_NAME, key, CACHE_SECONDS, lambda: _load_bands(start, currency))


def _load_ranges() -> Ranges:
    found = ShippingRate.objects.boundaries()
    after_last = {f"{int(code) + 1:08d}" for code in found["last"]}
    return Ranges(edition=token_hex(4), starts=tuple(sorted(after_last.union(found["first"]))))


def _load_bands(postal_code: str, currency: str) -> list[MethodBands]:
    rates = ShippingRate.objects.on_offer(currency).reaching(postal_code)
    return [
        MethodBands(
            code=method.code,
            name=method.name,
            bands=tuple(Band(rate.weight_to_grams, rate.price, rate.min_days, rate.max_days) for rate in of_method),
        )
        for method, of_method in groupby(rates, key=lambda rate: rate.method)
    ]


def _price(method: MethodBands, parcel: Parcel) -> ShippingOption | None:
    """What `method` asks for `parcel`; None where it cannot carry the heaviest unit.

    More than the largest band goes as several boxes: full ones, and one with the rest.
    """
    largest = method.bands[-1]
    if parcel.heaviest_unit_grams > largest.up_to_grams:
        return None
    full_boxes, rest = divmod(parcel.billable_grams, largest.up_to_grams)
    last_box = next(band for band in method.bands if rest <= band.up_to_grams) if rest else None
    price = full_boxes * largest.price + (last_box.price if last_box else 0)
    slowest = largest if full_boxes or last_box is None else last_box
    return ShippingOption(
        code=method.code,
        method_name=method.name,
        price=round_money(Decimal(price)),
        currency=parcel.currency,
        min_days=slowest.min_days,
        max_days=slowest.max_days,
    )
