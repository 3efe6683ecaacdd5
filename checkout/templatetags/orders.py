"""Filters that show an order's status on the shopper's pages."""

from django import template

from checkout.models import OrderStatus
from config.db.statuses import GOOD, QUIET

register = template.Library()

_TAGS = {GOOD: "tag--green", QUIET: "tag--grey"}


@register.filter
def order_status(status: str) -> str:
    """The status's label; an unknown status (from another release) is shown as it is."""
    return OrderStatus(status).shopper_label if status in OrderStatus else status


@register.filter
def order_status_tag(status: str) -> str:
    """The CSS class that colours the status's tag, or an empty string for the default colour."""
    return _TAGS.get(OrderStatus(status).tone, "") if status in OrderStatus else ""
