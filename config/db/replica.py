"""Sends reads that may be a few seconds stale to the standby in `DATABASE_REPLICA_URL`, if there is one.

Only for data that is displayed and decides nothing. Orders, carts, payments and staff always read from the primary. So
do values that are cached for longer than the standby may lag: after an invalidation they would be filled again with the
old row. import-linter lets only the catalogue import this module.
"""

import logging
from collections.abc import Callable
from typing import TypeVar

from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connection, connections

from config.resilience.cooldown import Cooldown

T = TypeVar("T")

logger = logging.getLogger(__name__)

ALIAS = "standby"
# Changes older than this are assumed to have reached the standby; a larger lag is a reason for an alert.
LAG_SECONDS = 60

_cooldown = Cooldown(seconds=30.0)


def from_standby(read: Callable[[str], T]) -> T:
    """Call `read` with the alias of the database to use, and return its result.

    That is the primary if there is no standby, during the cooldown after a failure, and inside a transaction, whose own
    writes the standby does not have. If the standby fails now, `read` is called again with the primary.
    """
    if ALIAS not in connections.databases or connection.in_atomic_block or _cooldown.is_active():
        return read(DEFAULT_DB_ALIAS)
    try:
        return read(ALIAS)
    except (OperationalError, InterfaceError) as error:
        _cooldown.begin()
        logger.warning("The standby failed, reads go to the primary: %s", type(error.__cause__ or error).__name__)
        connections[ALIAS].close()
        return read(DEFAULT_DB_ALIAS)
