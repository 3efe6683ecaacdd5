"""How long requests are kept whose link nobody has used."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from config.personal_data.models import DataRequest
from config.retention.rules import RetentionRule, Rows


def _unused(before: datetime) -> Rows:
    return DataRequest.objects.filter(confirmed_at=None, asked_at__lt=before).order_by("asked_at")


DATA_REQUESTS = RetentionRule(
    name="data_requests",
    what=_("Requests for one's own data whose link nobody has used"),
    effect=_("deleted for good"),
    why=_("The link works for a day. An erasure that was confirmed is deleted with the person."),
    due=_unused,
    at_least=2,
    at_most=30,
)
