"""Every cached value comes back from Redis as it went in; what would not is refused."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from django.core.cache import cache

from config.accounts.backends import Remembered
from config.cache import cached, declare, declared, recall
from config.redis.values import Format, Unstorable
from inventory.catalogue import CataloguePage, CategoryFacts, ProductFacts
from shipping.options import ShippingOption
from shipping.rate_table import Band, MethodBands, Ranges

MOMENT = datetime(2026, 11, 28, 20, 15, 30, 123456, tzinfo=UTC)
MUG = ProductFacts(
    7, "CANECA-1", "caneca", "Caneca “Olá”", "Linha 1\nLinha 2 \u2028 \x07 😀", "", "", Decimal("1434.10"), "BRL",
    300, 10, 10, 12, "", True,
)  # fmt: skip
SHOPPER = Remembered(
    id=3, email="ana@example.com", full_name="Ana Souza", is_active=True, is_staff=False, is_superuser=False,
    last_login=MOMENT, date_joined=MOMENT, session_hash="0f" * 32,
)  # fmt: skip
BANDS = (Band(1000, Decimal("19.90"), 2, 5), Band(30_000, Decimal("0.00"), 2, 5))
OFFERS = [ShippingOption("sedex", "SEDEX", Decimal("31.40"), "BRL", 1, 3)]

# For each name every kind of value that is cached under it.
SAMPLES: dict[str, list[object]] = {
    "account": [SHOPPER, None],
    "availability": [0, 12],
    "carrier_rates": [OFFERS, []],
    "catalogue_page": [
        CataloguePage((MUG, MUG), 2, 1, 1, (CategoryFacts("cafe", "Café"),)),
        CataloguePage((), 0, 1, 1, ()),
        1244,
        "1790000000-0f0f",
    ],
    "categories": [(CategoryFacts("cafe", "Café"), CategoryFacts("cha", "Chá")), ()],
    "postal_codes": [{"city": "São Paulo", "district": None, "street": "Avenida Paulista"}, {}],
    "product": [MUG, 7],
    "shipping_options": [Ranges("0f0f", ("01000000", "20000000")), [MethodBands("pac", "PAC", BANDS)], []],
}
# Names that tests declare.
TESTS = {"sample", "slow_test", "thing", "tried"}


def test_every_name_has_samples() -> None:
    assert {name.name for name in declared() if name.format} - TESTS == set(SAMPLES)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in SAMPLES.items() for value in values], ids=repr
)
def test_it_comes_back_equal(name: str, value: object) -> None:
    cached(name, "sample", 60, lambda: value)
    known = recall(name, "sample")
    assert known == value
    # Not 1.0 for 1, nor a list for a tuple, at any depth.
    assert repr(known).replace("datetime.timezone.utc", "") == repr(value).replace("datetime.timezone.utc", "")


@pytest.mark.parametrize(
    ("of", "value"),
    [
        (dict[int, Decimal], {1: Decimal("1.10"), 2: Decimal("-0.01")}),
        (tuple[int, ...], (1, 2)),
        (tuple[tuple[str, UUID], ...], (("a", UUID(int=5)),)),
        (datetime | None, MOMENT),
        (list[bool | int | None], [True, 1, None]),
        (bytes, b"\x00\xff"),
        (str, "\ud7ff \u0000"),
    ],
    ids=repr,
)
def test_so_do_other_types(of: object, value: object) -> None:
    form = Format(of)
    assert form.read(form.write(value)) == value


@pytest.mark.parametrize(
    ("of", "value"),
    [
        (int, "1"),
        (int, 1.5),
        (str, Decimal("1.10")),
        (tuple[int, ...], [1]),
        (list[int], (1,)),
        (dict[str, int], {1: 2}),
        (Decimal, "1.10"),
        (int, ...),
        (str, type("Text", (str,), {})("marked as safe")),
    ],
    ids=repr,
)
def test_what_would_not_come_back_equal_is_refused(of: object, value: object) -> None:
    declare("sample", of=of)
    with pytest.raises(Unstorable):
        cached("sample", "a", 60, lambda: value)
    assert recall("sample", "a") is None


def test_in_production_it_is_not_stored_and_the_page_works(settings, caplog) -> None:
    settings.CACHE_CHECK_WRITES = False
    declare("sample", of=int)
    value = ...
    assert cached("sample", "a", 60, lambda: value) is value
    assert recall("sample", "a") is None
    assert "sample cannot be stored" in caplog.text


@pytest.mark.parametrize(
    "value", [(1, 2), {1: 2}, Decimal("1.10"), MOMENT, {1, 2}, b"x", float("nan"), [(1,)], ...], ids=repr
)
@pytest.mark.parametrize("write", [cache.set, cache.add], ids=["set", "add"])
def test_djangos_cache_takes_only_json(value: object, write: Callable[[str, object], object]) -> None:
    with pytest.raises(Unstorable):
        write("key", value)


@pytest.mark.parametrize("value", [1, "1", True, None, 1.5, [1, [2]], {"a": {"b": None}}, "é😀"], ids=repr)
def test_and_returns_it(value: object) -> None:
    cache.set("key", value)
    assert cache.get("key") == value
    assert type(cache.get("key")) is type(value)


def test_an_edition_changes_with_the_shape() -> None:
    editions = [Format(of).edition for of in (Band, Ranges, MethodBands, Band | None, list[Band], int, Decimal, str)]
    assert len(set(editions)) == len(editions)
    assert Format(Band).edition == Format(Band).edition
