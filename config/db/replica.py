"""Reads that may be some seconds old are asked of the standby, where there is one: `DATABASE_REPLICA_URL`.

Only what is shown and decides nothing. What orders, carts, payments and staff read comes from the primary always. So
does what a cache keeps for longer than the standby may lag: a value that is dropped because its row has changed would
otherwise be filled again with the row as it was. import-linter lets nobody but the shop window in here.
"""

import logging
from collections.abc import Callable
from typing import TypeVar

from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connection, connections

from config.resilience.cooldown import Cooldown

T = TypeVar("T")

logger = logging.getLogger(__name__)

ALIAS = "standby"
# A change that is older than this is there: a standby that lags further behind is one to be alarmed about.
LAG_SECONDS = 60

_cooldown = Cooldown(seconds=30.0)


def from_standby(read: Callable[[str], T]) -> T:
    """What `read` finds in the database whose alias it is given.

    That is the primary where there is no standby, where the standby has failed lately, and inside a transaction, whose
    own writes the standby does not know. Where the standby fails now, `read` is called once more.
    """
    if ALIAS not in connections.databases or connection.in_atomic_block or _cooldown.is_active():
        return read(DEFAULT_DB_ALIAS)
    try:
        return read(ALIAS)
    except (OperationalError, InterfaceError) as error:
        _cooldown.begin()
        logger.warning("The standby fails and is left alone: %s", type(error.__cause__ or error).__name__)
        connections[ALIAS].close()
        return read(DEFAULT_DB_ALIAS)
