"""A person's data: exported for them, and erased, whether or not they have an account.

Who calls this has made sure that the address is theirs. Orders under way keep all that they need, and the account with
them, until they are finished; then the erasure has to be called again.
"""

import logging
from dataclasses import dataclass
from importlib import import_module

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from config.accounts.models import ApiToken, SignUp, User
from config.audit import services as audit
from config.audit.events import AuditEvent
from config.audit.services import Actor
from config.personal_data.exceptions import NotAnAddress, StaffAccount
from config.personal_data.models import DataRequest
from config.personal_data.shares import Person, Records, all_shares

logger = logging.getLogger(__name__)

EXPORT = AuditEvent("person.export", _("exported a person's data"))
ERASE = AuditEvent("person.erase", _("erased a person"))


@dataclass(frozen=True)
class Erasure:
    """Rows that were cut or deleted by share, and the numbers of orders under way."""

    rows: dict[str, int]
    under_way: list[str]

    @property
    def is_complete(self) -> bool:
        return not self.under_way


def export(email: str, *, by: Actor = None) -> dict[str, Records]:
    """All that the shop knows of the person with this address, by kind, in plain values.

    The audit log says that someone exported, never whom. Raises NotAnAddress.
    """
    person = _find(email)
    audit.record(by, EXPORT, User)
    known = {share.name: share.export(person) for share in all_shares()}
    return {"account": _account(person), "sign_ups": _sign_ups(person)} | known


def is_known(email: str) -> bool:
    """Whether there is anything to export or to erase."""
    person = _find(email)
    return person.user_id is not None or any(share.export(person) for share in all_shares())


def refuse_staff(email: str) -> None:
    """Raise StaffAccount if the account with this address is a member of staff's."""
    if User.objects.filter(email=_find(email).email, is_staff=True).exists():
        raise StaffAccount


def erase(email: str, *, by: Actor = None) -> Erasure:
    """Erase the person with this address, as far as nothing is under way. Must not be called inside a transaction.

    Raises NotAnAddress, and StaffAccount: who acts for the shop is in its books as long as these are kept.
    """
    person = _find(email)
    refuse_staff(person.email)
    rows, under_way = dict[str, int](), list[str]()
    for share in all_shares():
        erased = share.erase(person)
        rows[share.name] = erased.rows
        under_way += erased.under_way
    if not under_way:
        rows["account"] = _close(person)
        DataRequest.objects.filter(email=person.email).delete()
    audit.record(by, ERASE, User, after=rows)
    logger.info("A person was erased: %s; orders under way: %s", rows, len(under_way))
    return Erasure(rows, under_way)


def _find(email: str) -> Person:
    address = email.strip().lower()
    if "@" not in address:
        raise NotAnAddress
    user = User.objects.filter(email=address).only("pk").first()
    return Person(address, user.pk if user else None)


def _account(person: Person) -> Records:
    fields = ("email", "full_name", "date_joined", "last_login")
    accounts = User.objects.filter(email=person.email)
    devices = ApiToken.objects.filter(user=person.user_id or 0).order_by("created_at")
    said = list(devices.values("name", "created_at", "used_at"))
    addresses = list(EmailAddress.objects.filter(user=person.user_id or 0).values("email", "verified").order_by("pk"))
    return [account | {"addresses": addresses, "devices": said} for account in accounts.values(*fields)]


def _sign_ups(person: Person) -> Records:
    """Wishes for an account whose mailed link was not used."""
    wishes = SignUp.objects.filter(email=person.email).values("email", "language", "asked_at")
    return [dict(wish) for wish in wishes]


def _close(person: Person) -> int:
    """Delete the account with its tokens and sessions, and what the audit log says in words of it."""
    SignUp.objects.filter(email=person.email).delete()
    if person.user_id is None:
        return 0
    _end_sessions(person.user_id)
    with transaction.atomic():
        audit.forget_reasons_on(User, person.user_id)
        User.objects.get(pk=person.user_id).delete()  # one row: its receivers drop the copy in Redis
    return 1


def _end_sessions(user_id: int) -> None:
    """A session tells its user only once it is read, so this reads all of them."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    for session in Session.objects.iterator():
        if session.get_decoded().get("_auth_user_id") == str(user_id):
            store(session.session_key).delete()
