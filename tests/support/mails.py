"""The mails that the relay sends, and what tests read in them."""

import re
from typing import Any

from django.core import mail
from django.utils import timezone

from checkout import outbox
from checkout.models import MAILS, OutboxMessage

_ENGLISH = re.compile(r"\b(your|the|order|parcel|reply|refund|paid|back)\b")


def relayed() -> list[Any]:
    """What the relay sends now, with what is put off for later."""
    before = len(mail.outbox)
    OutboxMessage.objects.unsent().update(due_at=timezone.now())
    outbox.relay()
    return mail.outbox[before:]


def kind_of(message: Any) -> str:
    """`payment-waits` of `<order-KJ3…-payment-waits-…@…>`."""
    about = message.extra_headers["Message-ID"].split("-", 2)[2]
    kinds = [kind.replace("_", "-") for kind in MAILS]
    return next(kind for kind in kinds if about.startswith(kind))


def bodies(message: Any) -> tuple[str, str]:
    """Text and HTML, both without anything unfilled, and without English in Portuguese."""
    ((html, mimetype),) = message.alternatives
    assert mimetype == "text/html"
    both = (str(message.body), str(html))
    for body in both:
        assert not re.search(r"%\(|\{\{|\bNone\b", body)
    if 'lang="pt-br"' in both[1]:
        assert not _ENGLISH.search(message.subject + re.sub(r"https?://\S+", "", both[0]))
    return both
