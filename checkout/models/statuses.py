"""The statuses of orders and parcels, and the moves between them."""

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.db.statuses import BAD, BUSY, GOOD, QUIET, StatusChoices


class OrderStatus(StatusChoices):
    AWAITING_PAYMENT = "awaiting_payment", BUSY, _("awaiting payment")
    PAID = "paid", GOOD, _("paid")
    PARTLY_SHIPPED = "partly_shipped", BUSY, _("partly shipped")
    SHIPPED = "shipped", GOOD, _("shipped")
    DELIVERED = "delivered", GOOD, _("delivered")
    CANCELLING = "cancelling", BUSY, _("being cancelled")
    CANCELLED = "cancelled", QUIET, _("cancelled")
    REFUNDED = "refunded", QUIET, _("refunded")

    @property
    def shopper_label(self) -> str:
        """The label on the shopper's pages; `label` is for staff."""
        return {
            OrderStatus.AWAITING_PAYMENT: gettext("Awaiting payment"),
            OrderStatus.PAID: gettext("Paid"),
            OrderStatus.PARTLY_SHIPPED: gettext("Partly on its way"),
            OrderStatus.SHIPPED: gettext("On its way"),
            OrderStatus.DELIVERED: gettext("Delivered"),
            OrderStatus.CANCELLING: gettext("Being cancelled"),
            OrderStatus.CANCELLED: gettext("Cancelled"),
            OrderStatus.REFUNDED: gettext("Refunded"),
        }[self]


# What the column holds. A partly shipped order is stored as shipped, with `Order.partly_shipped` beside it: the release
# before knows no other word, and does right by such an order, whose money it keeps and whose goods it leaves alone.
STORED = [status for status in OrderStatus if status != OrderStatus.PARTLY_SHIPPED]
# Which status an order may get from which: there are no other moves.
ORDER_MOVES: Final[Mapping[OrderStatus, frozenset[OrderStatus]]] = {
    OrderStatus.AWAITING_PAYMENT: frozenset({OrderStatus.PAID, OrderStatus.CANCELLED}),
    OrderStatus.PAID: frozenset(
        {OrderStatus.PARTLY_SHIPPED, OrderStatus.SHIPPED, OrderStatus.CANCELLING, OrderStatus.REFUNDED}
    ),
    OrderStatus.PARTLY_SHIPPED: frozenset({OrderStatus.SHIPPED, OrderStatus.CANCELLING, OrderStatus.REFUNDED}),
    OrderStatus.SHIPPED: frozenset({OrderStatus.DELIVERED, OrderStatus.REFUNDED}),
    OrderStatus.DELIVERED: frozenset({OrderStatus.REFUNDED}),
    OrderStatus.CANCELLING: frozenset({OrderStatus.REFUNDED}),
    OrderStatus.CANCELLED: frozenset(),
    OrderStatus.REFUNDED: frozenset(),
}
# Paid, and goods are still to be sent.
TO_SHIP = [OrderStatus.PAID, OrderStatus.PARTLY_SHIPPED]
# A cart has at most one order in these statuses.
LIVE = [OrderStatus.AWAITING_PAYMENT, OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.DELIVERED]
# Statuses in which an order can be cancelled.
CANCELLABLE = [OrderStatus.AWAITING_PAYMENT, OrderStatus.PAID]
# Statuses in which the shop keeps the money; once all of it has gone back, the order is refunded.
REFUNDABLE = [OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.DELIVERED]
# Statuses in which no parcel can have left yet.
BEFORE_PARCELS = [OrderStatus.AWAITING_PAYMENT, OrderStatus.PAID, OrderStatus.CANCELLED]


class ShipmentStatus(StatusChoices):
    """A parcel is recorded when it is handed to the carrier."""

    POSTED = "posted", BUSY, _("posted")
    DELIVERED = "delivered", GOOD, _("delivered")
    UNDELIVERED = "undelivered", BAD, _("not delivered")
    RETURNED = "returned", BAD, _("returned to sender")

    @property
    def shopper_label(self) -> str:
        """The label on the shopper's pages; `label` is for staff."""
        return {
            ShipmentStatus.POSTED: gettext("On its way"),
            ShipmentStatus.DELIVERED: gettext("Delivered"),
            ShipmentStatus.UNDELIVERED: gettext("Delivery failed"),
            ShipmentStatus.RETURNED: gettext("Sent back to the shop"),
        }[self]


SHIPMENT_MOVES: Final[Mapping[ShipmentStatus, frozenset[ShipmentStatus]]] = {
    ShipmentStatus.POSTED: frozenset({ShipmentStatus.DELIVERED, ShipmentStatus.UNDELIVERED, ShipmentStatus.RETURNED}),
    # The carrier tries again, keeps it for the shopper to fetch, or sends it back.
    ShipmentStatus.UNDELIVERED: frozenset({ShipmentStatus.DELIVERED, ShipmentStatus.RETURNED}),
    ShipmentStatus.DELIVERED: frozenset(),
    ShipmentStatus.RETURNED: frozenset(),
}


class ReturnStatus(StatusChoices):
    """Of a withdrawal, or of a request that comes later and that staff decide."""

    REQUESTED = "requested", BUSY, _("waiting for our answer")
    EXPECTED = "expected", BUSY, _("goods on their way back")
    INSPECTED = "inspected", BUSY, _("to be paid back")
    CLOSED = "closed", GOOD, _("closed")
    REFUSED = "refused", QUIET, _("not accepted")

    @property
    def shopper_label(self) -> str:
        """The label on the shopper's pages; `label` is for staff."""
        return {
            ReturnStatus.REQUESTED: gettext("We are looking at it"),
            ReturnStatus.EXPECTED: gettext("Accepted"),
            ReturnStatus.INSPECTED: gettext("Your money comes next"),
            ReturnStatus.CLOSED: gettext("Done"),
            ReturnStatus.REFUSED: gettext("Not accepted"),
        }[self]


RETURN_MOVES: Final[Mapping[ReturnStatus, frozenset[ReturnStatus]]] = {
    ReturnStatus.REQUESTED: frozenset({ReturnStatus.EXPECTED, ReturnStatus.REFUSED}),
    ReturnStatus.EXPECTED: frozenset({ReturnStatus.INSPECTED}),
    ReturnStatus.INSPECTED: frozenset({ReturnStatus.CLOSED}),
    ReturnStatus.CLOSED: frozenset(),
    ReturnStatus.REFUSED: frozenset(),
}
# Somebody has yet to do something for it.
OPEN_RETURNS = [ReturnStatus.REQUESTED, ReturnStatus.EXPECTED, ReturnStatus.INSPECTED]
# Statuses of an order of which goods can be given back: its shopper has paid, and the shop still has the money.
RETURNABLE = [OrderStatus.PAID, OrderStatus.PARTLY_SHIPPED, OrderStatus.SHIPPED, OrderStatus.DELIVERED]
