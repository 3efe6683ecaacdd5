"""How long shipping quotes and saved addresses are kept."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from config.retention.rules import RetentionRule, Rows, unreferenced
from shipping.models import Quote, SavedAddress


def _expired(before: datetime) -> Rows:
    return unreferenced(Quote.objects.expired_before(before)).order_by("expires_at")


QUOTES = RetentionRule(
    name="quotes",
    what=_("Shipping quotes without an order, after they have expired"),
    effect=_("deleted for good"),
    why=_("Nobody can choose them any more; they hold a postal code (LGPD 15)."),
    due=_expired,
    at_most=90,
)


def _unused(before: datetime) -> Rows:
    return SavedAddress.objects.unused_since(before).order_by("used_at")


SAVED_ADDRESSES = RetentionRule(
    name="saved_addresses",
    what=_("Addresses in shoppers' address books, after their last use"),
    effect=_("deleted for good"),
    why=_("They spare typing only to those who come back; their owner removes them at any time (LGPD 15)."),
    due=_unused,
    at_most=1826,
)
