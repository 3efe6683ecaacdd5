"""Money: for any input, lines are rounded once and the total is the sum of the printed amounts."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import money

prices = st.decimals(min_value=0, max_value=99_999_999, places=2)
quantities = st.integers(min_value=1, max_value=99)


@given(prices, quantities)
def test_a_line_has_two_places_and_is_exact(price: Decimal, quantity: int) -> None:
    line = money.line_total(price, quantity)
    assert line.as_tuple().exponent == -2
    assert line == price * quantity


@given(st.decimals(min_value=-10_000, max_value=10_000, places=6))
def test_rounding_changes_at_most_half_a_cent(amount: Decimal) -> None:
    assert abs(money.round_money(amount) - amount) <= Decimal("0.005")


@pytest.mark.parametrize(
    ("amount", "rounded"), [("0.005", "0.01"), ("2.675", "2.68"), ("-0.005", "-0.01"), ("1", "1.00")]
)
def test_half_a_cent_goes_up(amount: str, rounded: str) -> None:
    assert str(money.round_money(Decimal(amount))) == rounded


@given(st.lists(st.tuples(prices, quantities), max_size=60))
def test_the_total_is_the_sum_of_the_printed_amounts(goods: list[tuple[Decimal, int]]) -> None:
    printed = [str(money.line_total(price, quantity)) for price, quantity in goods]
    assert money.total(money.line_total(*line) for line in goods) == sum(map(Decimal, printed), Decimal(0))


@given(prices, st.sampled_from(["BRL", "brl", "USD"]))
def test_minor_units_round_trip(amount: Decimal, currency: str) -> None:
    assert money.from_minor_units(money.to_minor_units(amount, currency), currency) == amount


def test_yen_have_no_cents() -> None:
    assert money.to_minor_units(Decimal("500.00"), "JPY") == 500
    assert money.from_minor_units(500, "JPY") == Decimal("500.00")
    with pytest.raises(ValueError, match="more decimals"):
        money.to_minor_units(Decimal("500.50"), "JPY")
