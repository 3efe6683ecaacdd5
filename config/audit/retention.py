"""How long the audit log is kept. The database lets only this rule delete, and no entry that is younger than a year."""

from datetime import datetime

from django.db import connection
from django.utils.translation import gettext_lazy as _

from config.audit.models import Entry
from config.db.locks import require_transaction
from config.retention.rules import RetentionRule, Rows


def _old(before: datetime) -> Rows:
    return Entry.objects.filter(at__lt=before).order_by("at")


def _delete(rows: Rows) -> None:
    """The permission ends with the transaction, and at once with this statement."""
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('audit.retention', 'on', true)")
        rows.delete()
        cursor.execute("SELECT set_config('audit.retention', '', true)")


AUDIT = RetentionRule(
    name="audit",
    what=_("Entries of the audit log"),
    effect=_("deleted for good"),
    why=_("They prove who moved money for as long as it can be claimed: five years (CDC 27)."),
    due=_old,
    remove=_delete,
    at_least=366,
)
