"""Labels of a carrier: what one is bought for, and what the carrier says of it. `shipping.labels` takes the steps."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from shipping.label_requests import LabelRequest

# What becomes of a label, in Melhor Envio's words.
IN_CART, PAID, MADE = "pending", "released", "generated"
RECEIVED, POSTED, DELIVERED, UNDELIVERED = "received", "posted", "delivered", "undelivered"
CANCELLED = "canceled"
# The carrier has the parcel, or had it.
LEFT = frozenset({RECEIVED, POSTED, DELIVERED, UNDELIVERED})
BOUGHT = LEFT | {PAID, MADE, "paused", "suspended"}


@dataclass(frozen=True)
class CarrierLabel:
    """A label as the carrier has it. `tracking_code` is empty until the carrier has given one."""

    carrier_id: str
    state: str
    tag: str = ""
    protocol: str = ""
    price: Decimal | None = None
    tracking_code: str = ""
    posted_at: datetime | None = None
    delivered_at: datetime | None = None

    @property
    def has_left(self) -> bool:
        """Whether the carrier has the parcel, or had it."""
        return self.state in LEFT

    @property
    def is_delivered(self) -> bool:
        return self.state == DELIVERED

    @property
    def is_undelivered(self) -> bool:
        return self.state == UNDELIVERED

    @property
    def is_cancelled(self) -> bool:
        return self.state == CANCELLED


class LabelRefused(Exception):
    """The carrier refused the call, and nothing was done. The text is the carrier's own, for staff."""


class LabelUnknown(LabelRefused):
    """The carrier has no such label, or not any more."""


class LabelCarrier(Protocol):
    """Each method is one network call with a deadline, two where it says so.

    All raise LabelRefused, if surely nothing was done, and CarrierUnavailable, if that is not known.
    """

    @property
    def name(self) -> str:
        """Used for its circuit breaker."""

    def balance(self) -> Decimal:
        """What is left in the wallet that labels are paid from."""

    def put_in_cart(self, request: LabelRequest) -> CarrierLabel:
        """Costs nothing yet. Repeated, it makes a second one: look with `find_in_cart` first."""

    def find_in_cart(self, tag: str) -> CarrierLabel | None:
        """The unpaid label with our tag, if there is one. One call for each page of the cart, few of them at most."""

    def fetch(self, carrier_id: str) -> CarrierLabel:
        """The label as it is now. At most two calls. Raises LabelUnknown."""

    def pay(self, carrier_id: str) -> None:
        """Pay from the wallet. Look with `fetch` before it is repeated."""

    def make(self, carrier_id: str) -> None:
        """Have a paid label made, so that it can be printed. Repeated, it does nothing more."""

    def print_page(self, carrier_ids: Collection[str]) -> str:
        """The address of one document with these labels. It opens only to those who are signed in at the carrier."""

    def remove_from_cart(self, carrier_id: str) -> None:
        """Raises LabelUnknown if it is not there."""

    def cancel(self, carrier_id: str, description: str) -> None:
        """Cancel a bought label, whose price goes back to the wallet. Two calls; refused once it was posted."""
