"""Signal receivers for changed methods and rates."""

from typing import Any

from shipping.rate_table import forget_rates_on_commit


def forget_rates(sender: type, **kwargs: Any) -> None:
    """Drop cached options, which were priced with the old rates."""
    forget_rates_on_commit()
