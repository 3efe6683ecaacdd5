"""The staff pages of checkout: orders, the outbox, the texts of the shop, the home page's search and the money page."""

from checkout.admin.money_page import money_page
from checkout.admin.orders import OrderAdmin
from checkout.admin.outbox import OutboxMessageAdmin
from checkout.admin.parcel_page import post_parcels
from checkout.admin.policies import PolicyAdmin
from checkout.admin.search import find_order
from config.backoffice.base import link_references_to

link_references_to("admin:checkout_order_by_number")

__all__ = ["OrderAdmin", "OutboxMessageAdmin", "PolicyAdmin", "find_order", "money_page", "post_parcels"]
