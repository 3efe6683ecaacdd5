"""Money that is reserved at the bank and not captured, as when the provider's account is set to capture by hand.

We always ask for an immediate capture, so such an authorization is completed as soon as it is seen. Not to be called
inside a transaction.
"""

import logging
from uuid import uuid4

from config.db.locks import refuse_in_transaction
from payments.exceptions import PaymentUnavailable
from payments.gateways import gateway
from payments.gateways.base import Outcome
from payments.models import PaymentAttempt

logger = logging.getLogger(__name__)


def complete(attempt: PaymentAttempt, outcome: Outcome) -> Outcome:
    """The outcome after an `authorized` one was captured, or voided if the attempt has ended; others as they are.

    `unknown` if the provider could not be reached: the next look at the attempt tries again. Repeating either call is
    harmless, because a captured or voided payment answers with its state.
    """
    if outcome.kind != "authorized":
        return outcome
    refuse_in_transaction("The payment provider")
    payment, reference = attempt.payment, outcome.provider_reference
    try:
        if attempt.is_settled:
            after = gateway().void(reference)
        else:
            after = gateway().capture(reference, payment.amount, payment.currency, str(uuid4()))
    except PaymentUnavailable:
        after = outcome
    if after.kind == "authorized":
        logger.warning("Attempt %s is authorized and not captured", attempt.pk)
        return Outcome(kind="unknown", provider_reference=reference, message="Authorized and not captured.")
    return after
