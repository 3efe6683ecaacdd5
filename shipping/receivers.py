"""What follows a change of methods or rates, wherever it was made: the admin, a shell, a command."""

from typing import Any

from shipping.rate_table import forget_rates_on_commit


def forget_rates(sender: type, **kwargs: Any) -> None:
    """Every cached option was worked out from the old rates."""
    forget_rates_on_commit()
