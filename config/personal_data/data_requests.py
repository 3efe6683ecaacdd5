"""Requests for one's data: asked for on the page, proven by a mailed link, fulfilled.

The page answers the same whether or not the shop knows the address; a worker finds out, and mails only whom it knows.
"""

import logging
import secrets
import time
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from config.accounts.models import digest_of
from config.db.locks import require_transaction
from config.personal_data import emails, services
from config.personal_data.exceptions import LinkNotValid, StaffAccount
from config.personal_data.models import DataRequest, Wish
from config.personal_data.shares import Records

logger = logging.getLogger(__name__)

ROUND_SECONDS = 20.0
# How often an erasure looks again whether what was under way is finished.
LOOK_AGAIN_AFTER = timedelta(hours=6)


@transaction.atomic
def ask(email: str, wish: Wish, language: str) -> None:
    """Have a link mailed to this address. An earlier link for the same wish ends. Have a worker nudged afterwards."""
    fresh = {
        "language": language, "asked_at": timezone.now(), "due_at": timezone.now(),
        "tries": 0, "digest": "", "mailed_at": None,
    }  # fmt: skip
    address = email.strip().lower()
    DataRequest.objects.update_or_create(email=address, wish=wish, confirmed_at=None, defaults=fresh)


def look_up(key: str) -> DataRequest:
    """The request of a mailed link, which goes on working. Raises LinkNotValid."""
    found = DataRequest.objects.opened_by(digest_of(key), timezone.now()).first()
    if found is None:
        raise LinkNotValid
    return found


def give_copy(key: str) -> dict[str, Records]:
    """What the shop knows of whoever was mailed this link, which ends with it. Raises LinkNotValid."""
    with transaction.atomic():
        request = _lock(key, Wish.COPY)
        known = services.export(request.email)
        request.delete()
    return known


def confirm_erasure(key: str) -> None:
    """Have whoever was mailed this link erased by a worker, which is nudged afterwards. The link ends.

    Raises LinkNotValid, and StaffAccount if they are staff.
    """
    with transaction.atomic():
        request = _lock(key, Wish.ERASE)
        services.refuse_staff(request.email)
        now = timezone.now()
        DataRequest.objects.filter(pk=request.pk).update(confirmed_at=now, due_at=now, tries=0, digest="")


def _lock(key: str, wish: Wish) -> DataRequest:
    """Two presses of one button: the second finds nothing any more."""
    require_transaction()
    mine = DataRequest.objects.opened_by(digest_of(key), timezone.now()).filter(wish=wish)
    request = mine.select_for_update().first()
    if request is None:
        raise LinkNotValid
    return request


def work_off() -> int:
    """Mail links and erase people until nothing is due or the round's time is up; returns how many were dealt with.

    Safe to run in several workers at once.
    """
    dealt_with, deadline = 0, time.monotonic() + ROUND_SECONDS
    while time.monotonic() < deadline:
        with transaction.atomic():
            request = DataRequest.objects.take(timezone.now())
        if request is None:
            break
        try:
            _erase(request) if request.confirmed_at else _mail(request)
        except Exception as error:  # one that fails must not stop the others; its text may name the person
            logger.error("The request for personal data %s was not dealt with: %s", request.pk, type(error).__name__)
            continue
        dealt_with += 1
    return dealt_with


def _mail(request: DataRequest) -> None:
    """Each try mails a link of its own; the last one works."""
    mine = DataRequest.objects.filter(pk=request.pk, confirmed_at=None, due_at=request.due_at)
    if not services.is_known(request.email):
        mine.delete()
        return
    key = secrets.token_urlsafe(32)
    if mine.update(digest=digest_of(key)):
        emails.send_link(request, key)
        mine.filter(digest=digest_of(key)).update(mailed_at=timezone.now(), due_at=None)


def _erase(request: DataRequest) -> None:
    """The erasure deletes the request too, once it is complete."""
    try:
        erasure = services.erase(request.email)
    except StaffAccount:  # they became staff after they had asked
        request.delete()
        return
    if not erasure.is_complete:
        again = timezone.now() + LOOK_AGAIN_AFTER
        DataRequest.objects.filter(pk=request.pk).update(due_at=again, tries=0)
