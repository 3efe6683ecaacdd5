"""System checks of settings."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FIRST_PAYMENT_MINUTES", 1),
        ("FIRST_PAYMENT_MINUTES", 31),
        ("UNPAID_STOCK_SHARE", 1.2),
        ("UNPAID_STOCK_SHARE", -0.1),
        ("UNPAID_STOCK_UNITS", 0),
        ("UNPAID_ORDERS_PER_NETWORK", 0),
        ("UNPAID_UNITS_PER_NETWORK", 0),
    ],
)
def test_bounds_that_close_pix_or_bound_nothing_are_refused(settings: Any, name: str, value: float) -> None:
    setattr(settings, name, value)
    with pytest.raises(SystemCheckError, match=name):
        call_command("check", "checkout", stderr=StringIO())


def test_the_defaults_pass() -> None:
    call_command("check", "checkout", stderr=StringIO())
