"""The address book of a signed-in shopper: recipients, each with address, phone and tax id."""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from shipping import tax_ids
from shipping.addresses import Address, checked
from shipping.exceptions import SavedAddressNotFound
from shipping.models import SavedAddress

ADDRESSES_PER_USER = 20
_SAME = ("user_id", "postal_code", "street", "street_number", "complement", "name")
_RENEWED = ("district", "city", "state", "country", "phone", "tax_id", "used_at")


@transaction.atomic
def save(user_id: int, address: Address, *, phone: str = "", tax_id: str = "") -> SavedAddress:
    """Keep an address, or renew the one of the same recipient at the same place.

    Beyond ADDRESSES_PER_USER the one that was not used for longest goes. Raises InvalidPostalCode, InvalidTaxId,
    TaxIdRequired, or Refusal if the state does not match the postal code.
    """
    wanted = tax_ids.by_policy(tax_id)
    row = SavedAddress(user_id=user_id, phone=phone, tax_id=tax_ids.normalise(wanted) if wanted else "")
    row.address = checked(address)
    SavedAddress.objects.bulk_create(
        [row], update_conflicts=True, unique_fields=["user", *_SAME[1:]], update_fields=_RENEWED
    )
    mine = SavedAddress.objects.of_user(user_id)
    SavedAddress.objects.filter(user=user_id).exclude(pk__in=mine.values("pk")[:ADDRESSES_PER_USER]).delete()
    return mine.get(**{column: getattr(row, column) for column in _SAME})


def use(user_id: int, address_id: UUID) -> SavedAddress:
    """One of the user's addresses, which becomes the one used last. Raises SavedAddressNotFound."""
    mine = SavedAddress.objects.filter(user=user_id, pk=address_id)
    found = mine.first()
    if found is None:
        raise SavedAddressNotFound
    mine.update(used_at=timezone.now())
    return found


def remove(user_id: int, address_id: UUID) -> None:
    """Raises SavedAddressNotFound."""
    deleted, _rows = SavedAddress.objects.filter(user=user_id, pk=address_id).delete()
    if not deleted:
        raise SavedAddressNotFound
