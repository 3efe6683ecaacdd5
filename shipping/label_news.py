"""What a carrier says of labels after they were made: by webhook, and asked for where it stays silent.

A webhook is a nudge. It has no id, comes late, twice and out of order, and tells nothing that cannot be looked up. So
all that is kept of it is that its label is to be looked up now, which is committed before it is acknowledged.
"""

import base64
import hashlib
import hmac
import logging
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from shipping import carriers
from shipping.carriers import label_documents as documents
from shipping.carriers.base import CarrierUnavailable
from shipping.carriers.labels import CarrierLabel as CarrierLabel
from shipping.carriers.labels import LabelRefused
from shipping.exceptions import ForgedWebhook
from shipping.models import Label

logger = logging.getLogger(__name__)

# For so long nobody else asks about a label: many times the deadline of a call.
LEASE = timedelta(minutes=5)
# A label of which nothing is heard is asked about so often, for so long.
ASK_EVERY = timedelta(hours=6)
ASK_FOR = timedelta(days=60)


def nudge(raw: bytes, signature: str) -> bool:
    """Have the label of a webhook looked up; returns whether it is one of ours. One statement.

    `signature` is over the raw body. Raises ForgedWebhook, also while no secret is set.
    """
    secret = settings.MELHOR_ENVIO_SECRET
    expected = base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest())
    if not secret or not hmac.compare_digest(expected, signature.strip().encode()):
        raise ForgedWebhook
    event = documents.read(raw)
    told = documents.label(event.get("data")) if event else None
    # Those without an id are looked up anyway, since a step of theirs is unfinished.
    return told is not None and bool(Label.objects.with_id(told.carrier_id).update(ask_at=timezone.now()))


@transaction.atomic(durable=True)
def claim(limit: int) -> list[Label]:
    """Labels to be asked about now, the longest due first, which nobody else asks about meanwhile."""
    return Label.objects.claim_to_ask(timezone.now(), LEASE, limit)


def ask(label: Label) -> CarrierLabel | None:
    """What the carrier says of a claimed label; None if it says nothing, and then it is asked again by itself.

    Not inside a transaction.
    """
    carrier = carriers.label_carrier()
    try:
        return carrier.fetch(label.carrier_id) if carrier else None
    except CarrierUnavailable as error:
        logger.warning("The carrier does not answer about label %s: %s", label.pk, error)
    except LabelRefused as refusal:
        logger.warning("The carrier says nothing of label %s: %s", label.pk, type(refusal).__name__)
        heard(label, is_over=False)
    return None


def heard(label: Label, *, is_over: bool) -> None:
    """Record that a claimed label was asked about; `is_over`: nothing more will become of it.

    If a nudge came meanwhile it is asked about again.
    """
    now = timezone.now()
    is_old = label.created_at < now - ASK_FOR
    later = None if is_over or is_old else now + ASK_EVERY
    Label.objects.filter(pk=label.pk, ask_at=label.ask_at).update(ask_at=later)
