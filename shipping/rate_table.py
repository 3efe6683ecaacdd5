"""Shipping options from the shop's own rate table, without network calls."""

from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from secrets import token_hex

from config.cache import cached, declare, drop_on_commit
from config.money import round_money
from shipping.models import ShippingRate
from shipping.options import ShippingOption, cheapest_first
from shipping.parcels import Parcel

CACHE_NAME = "shipping_options"
CACHE_SECONDS = 10 * 60
RANGES_KEY = "ranges"


@dataclass(frozen=True)
class Band:
    up_to_grams: int
    price: Decimal
    min_days: int
    max_days: int


@dataclass(frozen=True)
class MethodBands:
    """One method's prices for one range of postal codes, lightest band first."""

    code: str
    name: str
    bands: tuple[Band, ...]


@dataclass(frozen=True)
class Ranges:
    """The postal codes at which rates change. `edition` versions the cache keys: it changes with every reload."""

    edition: str
    starts: tuple[str, ...]

    def start_of(self, postal_code: str) -> str:
        """The first code of the range around `postal_code`, within which all rates are the same."""
        position = bisect_right(self.starts, postal_code)
        return self.starts[position - 1] if position else "00000000"


declare(CACHE_NAME, of=Ranges | list[MethodBands], is_open=True)


def options_by_table(parcel: Parcel, postal_code: str) -> list[ShippingOption]:
    """Every method whose rates cover `parcel` and `postal_code`, cheapest first.

    At most 2 statements with a cold cache, none with a warm one, for any parcel.
    """
    found = [_price(method, parcel) for method in _methods_reaching(postal_code, parcel.currency)]
    return cheapest_first([option for option in found if option])


def forget_rates_on_commit() -> None:
    """Drop the cached ranges after the current transaction commits; cached bands are unreachable without them."""
    drop_on_commit(CACHE_NAME, RANGES_KEY)


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
    """The price of `method` for `parcel`; None if it cannot carry the heaviest unit.

    Above the largest band the parcel is split: full boxes, and one with the rest.
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
