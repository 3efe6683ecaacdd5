"""What the shop knows of a person, and how it forgets them: one share for each app, declared by the app that owns it.

`config.personal_data.services` asks the shares in turn; docs/privacy.md says what they hold.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Records = list[dict[str, Any]]


@dataclass(frozen=True)
class Person:
    """Whoever reads the mail of this address, and their account if there is one."""

    email: str
    user_id: int | None = None


@dataclass(frozen=True)
class Erased:
    """How many rows were cut or deleted, and the numbers of what is under way and so was left as it is."""

    rows: int
    under_way: tuple[str, ...] = ()


@dataclass(frozen=True)
class Share:
    """An app's share of what is known of people.

    `export` gives it in plain values. `erase` removes it, in transactions of its own, and may be called again at any
    time: what was left is erased then, and the rest not found any more.
    """

    name: str
    export: Callable[[Person], Records]
    erase: Callable[[Person], Erased]


_shares: dict[str, Share] = {}


def hold(*shares: Share) -> None:
    """Register an app's shares; called once, in its `ready`."""
    _shares.update({share.name: share for share in shares})


def all_shares() -> list[Share]:
    """All shares, by name."""
    return [_shares[name] for name in sorted(_shares)]
