"""How far the provider's records have been compared with ours."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from config.db.locks import require_transaction

# The streams, and how far behind now each is read. The provider lists a charge by when it was created, and may take its
# money later: each is looked at when it is as old as a call that has settled itself, as a Pix code that is being paid,
# as one that was paid late, and then when refunds and disputes may have come.
CHARGES = {
    "charges_1m": timedelta(minutes=1),
    "charges_15m": timedelta(minutes=15),
    "charges_45m": timedelta(minutes=45),
    "charges_6h": timedelta(hours=6),
    "charges_3d": timedelta(days=3),
    "charges_30d": timedelta(days=30),
}
# What became of charges, in case its webhook was lost.
EVENTS = {"events": timedelta(minutes=5)}
STREAMS = {**CHARGES, **EVENTS}
# How long a claim lasts: many times what a round takes. After a crash the stream is free again when it ends.
LEASE = timedelta(minutes=5)


class ReconcileCursorQuerySet(models.QuerySet["ReconcileCursor"]):
    def claim(self, stream: str, now: datetime, start: datetime) -> ReconcileCursor | None:
        """Claim a stream for one worker; None while another has it. A new stream begins at `start`.

        Runs in the caller's transaction; commit before calling the provider.
        """
        require_transaction()
        self.bulk_create([ReconcileCursor(stream=stream, position=start)], ignore_conflicts=True)
        free = self.filter(Q(claimed_at=None) | Q(claimed_at__lt=now - LEASE), stream=stream)
        cursor = free.select_for_update(skip_locked=True).first()
        if cursor is not None:
            cursor.claimed_at = now
            cursor.save(update_fields=["claimed_at"])
        return cursor

    def lags(self, now: datetime) -> dict[str, float]:
        """By stream, the seconds by which reading is behind; 0 for one that was never begun. One statement."""
        positions = dict(self.values_list("stream", "position"))
        return {
            stream: max((now - behind - positions.get(stream, now)).total_seconds(), 0.0)
            for stream, behind in STREAMS.items()
        }

    def held_by(self, cursor: ReconcileCursor) -> ReconcileCursorQuerySet:
        """The cursor's row, unless another worker has taken it over."""
        return self.filter(stream=cursor.stream, claimed_at=cursor.claimed_at)


class ReconcileCursor(models.Model):
    """Everything in `stream` that was created before `position` has been compared. `tries`: how often in a row what
    follows could not be settled."""

    stream = models.CharField(_("stream"), max_length=40, primary_key=True)
    position = models.DateTimeField(_("compared until"))
    claimed_at = models.DateTimeField(_("taken in hand"), null=True, blank=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0, db_default=0)

    objects = ReconcileCursorQuerySet.as_manager()

    class Meta:
        verbose_name = _("reconciliation cursor")
        verbose_name_plural = _("reconciliation cursors")

    def __str__(self) -> str:
        return self.stream
