"""How long carts are kept, and the addresses in them. Orders have copies of their own."""

from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from cart import snapshot
from cart.models import Cart, CartStatus
from config.retention.rules import RetentionRule, Rows, unreferenced
from shipping.addresses import PERSONAL_COLUMNS


def _with_address(before: datetime) -> Rows:
    """A cart that is being paid for is left alone: its shopper is at the checkout."""
    settled = Cart.objects.filter(status__in=[CartStatus.OPEN, CartStatus.ORDERED, CartStatus.MERGED])
    return settled.personal().filter(updated_at__lt=before).order_by("updated_at")


def strip(rows: Rows) -> None:
    """Not a change by the shopper, so `updated_at` stays. The version grows, so that no older copy comes back."""
    carts = list(rows)
    rows.update(**dict.fromkeys(PERSONAL_COLUMNS, ""), version=F("version") + 1)
    forget_copies_on_commit(carts)


def _abandoned(before: datetime) -> Rows:
    unordered = Cart.objects.filter(status__in=[CartStatus.OPEN, CartStatus.MERGED], updated_at__lt=before)
    return unreferenced(unordered).order_by("updated_at")


def delete(rows: Rows) -> None:
    """With their lines, and their copies in Redis."""
    carts = list(rows)
    rows.delete()
    forget_copies_on_commit(carts)


def forget_copies_on_commit(carts: list[Cart]) -> None:
    """Drop the copies in Redis of carts that were read before their version grew."""

    def forget_copies() -> None:
        for cart in carts:
            cart.version += 1
            snapshot.forget(cart)

    transaction.on_commit(forget_copies, robust=True)


CART_ADDRESSES = RetentionRule(
    name="cart_addresses",
    what=_("Names, tax ids, addresses, phone numbers and e-mails in carts, after the last change"),
    effect=_("blanked; the products stay"),
    why=_("Only a shopper who comes back soon needs them (LGPD 15); an order has a copy of its own."),
    due=_with_address,
    remove=strip,
    at_most=90,
)
CARTS = RetentionRule(
    name="carts",
    what=_("Carts that were not ordered, after the last change"),
    effect=_("deleted with their lines"),
    why=_("The shop's cookie knows a cart for 30 days. A cart with an order stays as long as the order."),
    due=_abandoned,
    remove=delete,
    at_least=7,
    at_most=365,
)
