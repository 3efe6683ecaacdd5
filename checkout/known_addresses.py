"""Where a signed-in shopper may want an order delivered: their address book, and where their latest order went."""

from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.db.models.functions import JSONObject

from cart.snapshot import CartSnapshot
from checkout.models import Order
from shipping.addresses import ADDRESS_COLUMNS
from shipping.models import SavedAddress

_COLUMNS = ("phone", "tax_id", *ADDRESS_COLUMNS)
_AS_JSON = JSONObject(**{column: column for column in _COLUMNS})


@dataclass(frozen=True)
class KnownAddresses:
    """`saved` is the address book, the one used last first; `latest` what the latest order said."""

    saved: list[SavedAddress]
    latest: Order | None

    def likely(self, cart: CartSnapshot) -> SavedAddress | Order | None:
        """The one to fill in: the first that fits the postal code for which the cart shows freight."""
        known: list[SavedAddress | Order] = [*self.saved, *([self.latest] if self.latest else [])]
        fitting = (one for one in known if one.address and cart.postal_code in ("", one.postal_code))
        return next(fitting, None)

    def whole_tax_id(self, masked: str) -> str:
        """The tax id that these show as `masked`; that itself if none does."""
        known = [*self.saved, *([self.latest] if self.latest else [])]
        return next((one.tax_id for one in known if one.masked_tax_id == masked), masked)


def known_to(user_id: int) -> KnownAddresses:
    """One statement."""
    orders = Order.objects.filter(user=OuterRef("pk")).order_by("-placed_at")[:1]
    saved = SavedAddress.objects.of_user(OuterRef("pk"))
    facts = (
        get_user_model()
        .objects.filter(pk=user_id)
        .values_list(
            ArraySubquery(orders.values_list(_AS_JSON)),
            ArraySubquery(saved.values_list(JSONObject(id="pk", **{column: column for column in _COLUMNS}))),
        )
    )
    latest, book = facts.first() or ([], [])
    return KnownAddresses([SavedAddress(**fact) for fact in book], Order(**latest[0]) if latest else None)
