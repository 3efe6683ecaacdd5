"""Orders and outgoing mail, as staff see them and work on them; the home page's search, and the money page."""

from checkout.admin.finder import find_order
from checkout.admin.money import money_page
from checkout.admin.orders import OrderAdmin
from checkout.admin.outbox import OutboxMessageAdmin

__all__ = ["OrderAdmin", "OutboxMessageAdmin", "find_order", "money_page"]
