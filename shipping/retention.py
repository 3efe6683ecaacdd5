"""How long shipping quotes are kept."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from config.retention.rules import RetentionRule, Rows, unreferenced
from shipping.models import Quote


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
