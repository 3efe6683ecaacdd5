"""Receipts as PDF: asked for by the shopper, made by a worker, kept for some days."""

import logging
import time

from django.db import transaction
from django.utils import timezone, translation

from checkout import receipt_pdf
from checkout.exceptions import OrderNotFound
from checkout.metrics import swept
from checkout.models import Order, Receipt, ReceiptState
from checkout.receipt_facts import ReceiptFacts, facts_of, has_receipt

logger = logging.getLogger(__name__)

ROUND_SECONDS = 15.0


def find(order: Order, facts: ReceiptFacts) -> Receipt | None:
    """The order's receipt in the language of `facts` if it is being made, or says just what they say. One statement."""
    receipt = Receipt.objects.filter(order=order, language=facts.language).first()
    if receipt is not None and receipt.state == ReceiptState.MADE and receipt.fingerprint != facts.fingerprint:
        return None
    return receipt


def is_being_made(order: Order, language: str) -> bool:
    """Whether the order's receipt in this language is still to be drawn. One statement, which reads no PDF."""
    asked = Receipt.objects.filter(order=order, language=language).defer("pdf").first()
    return asked is not None and asked.state == ReceiptState.WAITING


@transaction.atomic
def ask(order: Order, language: str) -> None:
    """Have the receipt of a paid order made, or made anew. Raises OrderNotFound if the order is not paid.

    Have a worker nudged afterwards; otherwise beat finds it.
    """
    if not has_receipt(order):
        raise OrderNotFound
    now = timezone.now()
    asked = {"language": language, "asked_at": now, "due_at": now, "tries": 0, "made_at": None, "pdf": None}
    Receipt.objects.update_or_create(order=order, defaults={**asked, "fingerprint": ""})


def make_wanted() -> int:
    """Make the receipts that are asked for, until there is none or the round's time is up; returns how many were made.

    Safe to run in several workers at once.
    """
    made, deadline = 0, time.monotonic() + ROUND_SECONDS
    while time.monotonic() < deadline:
        with transaction.atomic():
            taken = Receipt.objects.take(timezone.now())
        if taken is None:
            break
        made += _make(taken)
    swept.labels("receipts").inc(made)
    return made


def _make(taken: Receipt) -> int:
    """Draw one that was taken. What was asked for meanwhile in another language is left to its own turn."""
    try:
        order = Order.objects.with_everything().get(pk=taken.order_id)
        with translation.override(taken.language):
            facts = facts_of(order)
            now = timezone.now()
            pdf = receipt_pdf.draw(facts, now)
    except Exception as error:  # one failing receipt must not stop the others
        logger.exception("The receipt of order %s was not made: %s", taken.order_id, type(error).__name__)
        return 0
    still_wanted = Receipt.objects.wanted_as(taken)
    return still_wanted.update(pdf=pdf, made_at=now, fingerprint=facts.fingerprint)
