"""The addresses that shoppers keep."""

import uuid
from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shipping.addresses import DeliveryFields


class SavedAddressQuerySet(models.QuerySet["SavedAddress"]):
    def of_user(self, user_id: int | models.OuterRef) -> Self:
        """Their address book, the one used last first."""
        return self.filter(user=user_id).order_by("-used_at", "pk")

    def unused_since(self, moment: datetime) -> Self:
        return self.filter(used_at__lt=moment)


class SavedAddress(DeliveryFields):
    """A recipient in a shopper's address book, with phone and tax id. The e-mail is the shopper's own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # The constraint's index begins with it.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("user"), db_index=False
    )
    used_at = models.DateTimeField(_("last used"), default=timezone.now, db_default=Now())
    email = None  # type: ignore[assignment]  # how Django leaves out a field of an abstract model

    objects = SavedAddressQuerySet.as_manager()

    class Meta:
        verbose_name = _("saved address")
        verbose_name_plural = _("saved addresses")
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "postal_code", "street", "street_number", "complement", "name"],
                name="saved_address_once",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["used_at"], name="saved_address_by_use")]

    def __str__(self) -> str:
        return str(self.pk)
