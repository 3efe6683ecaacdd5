"""Filters that show the status of an order, its parcels and its returns on the shopper's pages."""

from django import template

from checkout.models import OrderStatus, ReturnStatus, ShipmentStatus
from config.db.statuses import BAD, GOOD, QUIET

register = template.Library()

_TAGS = {GOOD: "tag--green", QUIET: "tag--grey", BAD: "tag--red"}


@register.filter
def order_status(status: str) -> str:
    """The status's label; an unknown status (from another release) is shown as it is."""
    return OrderStatus(status).shopper_label if status in OrderStatus else status


@register.filter
def order_status_tag(status: str) -> str:
    """The CSS class that colours the status's tag, or an empty string for the default colour."""
    return _TAGS.get(OrderStatus(status).tone, "") if status in OrderStatus else ""


@register.filter
def parcel_status(status: str) -> str:
    """As `order_status`, of a parcel."""
    return ShipmentStatus(status).shopper_label if status in ShipmentStatus else status


@register.filter
def parcel_status_tag(status: str) -> str:
    """As `order_status_tag`, of a parcel."""
    return _TAGS.get(ShipmentStatus(status).tone, "") if status in ShipmentStatus else ""


@register.filter
def return_status(status: str) -> str:
    """As `order_status`, of a return."""
    return ReturnStatus(status).shopper_label if status in ReturnStatus else status


@register.filter
def return_status_tag(status: str) -> str:
    """As `order_status_tag`, of a return."""
    return _TAGS.get(ReturnStatus(status).tone, "") if status in ReturnStatus else ""
