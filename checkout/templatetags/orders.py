"""How an order's status reads on the shopper's pages."""

from django import template

from checkout.models import OrderStatus
from config.db.statuses import GOOD, QUIET

register = template.Library()

_TAGS = {GOOD: "tag--green", QUIET: "tag--grey"}


@register.filter
def order_status(status: str) -> str:
    """Its word; a status that this release does not know stands as it is."""
    return OrderStatus(status).shopper_label if status in OrderStatus else status


@register.filter
def order_status_tag(status: str) -> str:
    """The class that gives its tag a colour; none where there is nothing to say by one."""
    return _TAGS.get(OrderStatus(status).tone, "") if status in OrderStatus else ""
