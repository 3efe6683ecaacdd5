"""What address books know of a person."""

from config.personal_data.shares import Erased, Person, Records, Share
from shipping.addresses import PERSONAL_COLUMNS
from shipping.models import SavedAddress

_COLUMNS = [column for column in PERSONAL_COLUMNS if column != "email"]


def _export(person: Person) -> Records:
    return list(SavedAddress.objects.of_user(person.user_id or 0).values(*_COLUMNS, "used_at"))


def _erase(person: Person) -> Erased:
    deleted, _rows = SavedAddress.objects.filter(user=person.user_id or 0).delete()
    return Erased(deleted)


ADDRESSES = Share(name="addresses", export=_export, erase=_erase)
