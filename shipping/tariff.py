"""The shop's own rate table: what `load_shipping_rates` writes to the database.

Parcels ship from São Paulo. Each state is in a zone from 1 to 6 by distance; addresses outside the capital's postal
codes are priced and timed as one zone further. Prices are in BRL per box, by zone and weight band.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext_noop

from shipping.postal_codes import STATE_RANGES

CURRENCY = "BRL"


@dataclass(frozen=True)
class MethodTariff:
    """`prices[zone - 1][band]` for the bands of BAND_GRAMS; `days[zone - 1]` is (min, max) working days."""

    code: str
    name: str
    prices: tuple[tuple[str, ...], ...]
    days: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class RateRow:
    """One row of the table, with the columns of `ShippingRate`."""

    method_code: str
    state: str
    postal_code_from: str
    postal_code_to: str
    weight_from_grams: int
    weight_to_grams: int
    price: Decimal
    min_days: int
    max_days: int


@dataclass(frozen=True)
class StateTariff:
    """The zone of a state's capital, and the capital's postal codes (first five digits, inclusive)."""

    zone: int
    capital: tuple[tuple[int, int], ...]


# Upper bounds. No box is heavier than the last one: larger parcels are split.
BAND_GRAMS = (300, 1_000, 2_000, 5_000, 10_000, 15_000, 20_000, 30_000)

STATES = {
    "SP": StateTariff(1, ((1000, 5999), (8000, 8499))),
    "RJ": StateTariff(2, ((20000, 23799),)),
    "MG": StateTariff(2, ((30000, 31999),)),
    "PR": StateTariff(2, ((80000, 82999),)),
    "SC": StateTariff(3, ((88000, 88099),)),
    "ES": StateTariff(3, ((29000, 29099),)),
    "DF": StateTariff(3, ((70000, 72799), (73000, 73699))),
    "GO": StateTariff(3, ((74000, 74899),)),
    "MS": StateTariff(3, ((79000, 79129),)),
    "RS": StateTariff(3, ((90000, 91999),)),
    "BA": StateTariff(4, ((40000, 42599),)),
    "MT": StateTariff(4, ((78000, 78109),)),
    "SE": StateTariff(4, ((49000, 49099),)),
    "TO": StateTariff(4, ((77000, 77299),)),
    "AL": StateTariff(5, ((57000, 57099),)),
    "PE": StateTariff(5, ((50000, 52999),)),
    "PB": StateTariff(5, ((58000, 58099),)),
    "RN": StateTariff(5, ((59000, 59139),)),
    "CE": StateTariff(5, ((60000, 61599),)),
    "PI": StateTariff(5, ((64000, 64099),)),
    "MA": StateTariff(5, ((65000, 65109),)),
    "PA": StateTariff(6, ((66000, 66999),)),
    "RO": StateTariff(6, ((76800, 76834),)),
    "AC": StateTariff(6, ((69900, 69923),)),
    "AP": StateTariff(6, ((68900, 68914),)),
    "AM": StateTariff(6, ((69000, 69099),)),
    "RR": StateTariff(6, ((69300, 69339),)),
}

METHODS = (
    MethodTariff(
        code="economica",
        name=gettext_noop("Economy"),
        #         300 g     1 kg     2 kg     5 kg     10 kg     15 kg     20 kg     30 kg
        prices=(
            ("12.90", "14.90", "16.90", "22.90", "34.90", "47.90", "59.90", "84.90"),
            ("16.90", "19.90", "22.90", "31.90", "48.90", "66.90", "84.90", "119.90"),
            ("19.90", "23.90", "27.90", "39.90", "61.90", "84.90", "107.90", "152.90"),
            ("22.90", "28.90", "34.90", "51.90", "82.90", "113.90", "144.90", "206.90"),
            ("25.90", "33.90", "41.90", "64.90", "104.90", "144.90", "184.90", "264.90"),
            ("29.90", "39.90", "49.90", "78.90", "128.90", "178.90", "228.90", "328.90"),
            ("34.90", "46.90", "58.90", "93.90", "153.90", "213.90", "273.90", "393.90"),
        ),
        days=((2, 4), (4, 6), (5, 8), (6, 10), (7, 12), (9, 15), (12, 20)),
    ),
    MethodTariff(
        code="expressa",
        name=gettext_noop("Express"),
        prices=(
            ("18.90", "21.90", "25.90", "35.90", "55.90", "76.90", "96.90", "137.90"),
            ("27.90", "33.90", "40.90", "58.90", "91.90", "125.90", "159.90", "226.90"),
            ("35.90", "44.90", "54.90", "80.90", "127.90", "175.90", "223.90", "318.90"),
            ("44.90", "57.90", "72.90", "109.90", "176.90", "244.90", "312.90", "447.90"),
            ("53.90", "71.90", "91.90", "142.90", "232.90", "322.90", "412.90", "592.90"),
            ("64.90", "88.90", "114.90", "181.90", "299.90", "417.90", "535.90", "771.90"),
            ("76.90", "106.90", "138.90", "222.90", "369.90", "516.90", "663.90", "957.90"),
        ),
        days=((1, 1), (1, 2), (1, 3), (2, 3), (2, 4), (3, 5), (4, 7)),
    ),
)


def rows() -> Iterator[RateRow]:
    """All rows of the table."""
    lower_bounds = (0, *BAND_GRAMS[:-1])
    for first, last, state, zone in zone_ranges():
        for method in METHODS:
            prices, (min_days, max_days) = method.prices[zone - 1], method.days[zone - 1]
            for weight_from, weight_to, price in zip(lower_bounds, BAND_GRAMS, prices, strict=True):
                yield RateRow(
                    method_code=method.code,
                    state=state,
                    postal_code_from=f"{first:05d}000",
                    postal_code_to=f"{last:05d}999",
                    weight_from_grams=weight_from,
                    weight_to_grams=weight_to,
                    price=Decimal(price),
                    min_days=min_days,
                    max_days=max_days,
                )


def zone_ranges() -> Iterator[tuple[int, int, str, int]]:
    """Each range of postal codes (first five digits, inclusive) with its state and zone, in order."""
    for first, last, state in STATE_RANGES:
        tariff = STATES[state]
        start = first
        for capital_first, capital_last in tariff.capital:
            if not first <= capital_first <= last:
                continue
            if start < capital_first:
                yield start, capital_first - 1, state, tariff.zone + 1
            yield capital_first, capital_last, state, tariff.zone
            start = capital_last + 1
        if start <= last:
            yield start, last, state, tariff.zone + 1
