"""Orders and outgoing mail, as staff see them and work on them."""

from checkout.admin.orders import OrderAdmin
from checkout.admin.outbox import OutboxMessageAdmin

__all__ = ["OrderAdmin", "OutboxMessageAdmin"]
