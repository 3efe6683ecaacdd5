"""Wishes for a copy of one's data, or to be erased."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from config.db.locks import require_transaction

# How long the mailed link works.
LINK_LIFETIME = timedelta(hours=24)
FIRST_BACKOFF = timedelta(minutes=1)
LONGEST_BACKOFF = timedelta(hours=6)


class Wish(models.TextChoices):
    COPY = "copy", _("a copy of the data")
    ERASE = "erase", _("erasing the data")


class DataRequestQuerySet(models.QuerySet["DataRequest"]):
    def take(self, now: datetime) -> "DataRequest | None":
        """Claim the next one that is due and count a try; None if there is none.

        Skips those that another worker has locked. `due_at` is pushed on with exponential backoff. Deal with it only
        after the transaction has committed.
        """
        require_transaction()
        due = self.filter(due_at__lte=now).order_by("due_at").select_for_update(skip_locked=True).first()
        if due is not None:
            due.due_at = now + min(FIRST_BACKOFF * 2 ** min(due.tries, 10), LONGEST_BACKOFF)
            due.tries += 1
            due.save(update_fields=["tries", "due_at"])
        return due

    def opened_by(self, digest: str, now: datetime) -> Self:
        """The request whose mailed link has this digest, while the link works."""
        return self.filter(digest=digest, confirmed_at=None, mailed_at__gt=now - LINK_LIFETIME)


class DataRequest(models.Model):
    """A wish that was typed with an address; whoever has the link that is mailed there has proven that it is theirs.

    Only the link's digest is stored. `due_at` is when a worker has to do something for it, NULL while the shop waits
    for the person. A request is deleted once it is fulfilled.
    """

    email = models.EmailField(_("e-mail"))
    wish = models.CharField(_("wish"), max_length=10, choices=Wish)
    language = models.CharField(_("language"), max_length=10)
    asked_at = models.DateTimeField(_("asked at"), db_default=Now())
    due_at = models.DateTimeField(_("due at"), null=True, db_default=Now())
    tries = models.PositiveSmallIntegerField(_("tries"), default=0, db_default=0)
    digest = models.CharField(max_length=64, blank=True, default="", db_default="")
    mailed_at = models.DateTimeField(_("mailed at"), null=True, blank=True)
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True, blank=True)

    objects = DataRequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("request for personal data")
        verbose_name_plural = _("requests for personal data")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["email", "wish"],
                condition=models.Q(confirmed_at=None),
                name="data_request_open_once",
            ),
            models.UniqueConstraint(fields=["digest"], condition=~models.Q(digest=""), name="data_request_of_link"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="data_request_due"),
            models.Index(fields=["asked_at"], condition=models.Q(confirmed_at=None), name="data_request_unconfirmed"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
