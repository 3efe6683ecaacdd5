"""How long sessions are kept."""

from datetime import datetime

from django.contrib.sessions.models import Session
from django.utils.translation import gettext_lazy as _

from config.retention.rules import RetentionRule, Rows


def _expired(before: datetime) -> Rows:
    return Session.objects.filter(expire_date__lt=before).order_by("expire_date")


SESSIONS = RetentionRule(
    name="sessions",
    what=_("Sessions, after they have expired"),
    effect=_("deleted for good"),
    why=_("They open nothing any more (LGPD 15, 16)."),
    due=_expired,
    at_most=365,
)
