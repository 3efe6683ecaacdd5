"""Refusals of the payments app, each with its API error code."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from config.exceptions import Fact, Refusal


class PaymentUnavailable(Refusal):
    """The provider certainly did nothing: it was not reached, or it said so. Safe to retry, as a new attempt.

    Never raised when money may have moved: that is an `Outcome` of kind `unknown`.
    """

    code = "payment_unavailable"
    status = 503
    title = _("Payments are not available")
    message = _("Payments are not available right now. Nothing was charged. Please try again in a moment.")
    shows = {"methods": Fact("the methods that are open, of `card` and `pix`.", list[str])}

    def __init__(self, message: str | Promise | None = None, *, retry_after: int = 5, **details: object) -> None:
        self.retry_after = retry_after
        super().__init__(message, retry_after=retry_after, **details)


class CardsUnavailable(PaymentUnavailable):
    """Only cards are unavailable; `instead` names the method that still works."""

    message = _("Cards cannot be charged right now. Nothing was charged. Pay with Pix, or try again in a moment.")
    shows = {"instead": Fact("the `payment_method` that still works, `pix`."), **PaymentUnavailable.shows}

    def __init__(self, *, retry_after: int, instead: str) -> None:
        super().__init__(retry_after=retry_after, instead=instead, methods=[instead])


class InvalidPaymentMethod(Refusal):
    """The payment method is not a provider token. Neither stored nor logged: it may be a card number."""

    code = "invalid"
    status = 422
    message = _("We cannot use this payment method. Please enter the card again or pay with Pix.")


class RefundRefused(Refusal):
    """The refund is not possible: nothing was captured, or the amount exceeds what is still refundable."""

    code = "refund_refused"
    status = 409
    message = _("This amount cannot be refunded.")


class RefundNotPaidByHand(Refusal):
    """The refund cannot be recorded as paid by hand: the provider may still pay it, or has."""

    code = "refund_not_paid_by_hand"
    status = 409
    message = _("This refund cannot be recorded as paid by hand.")


class DisputeNotDismissed(Refusal):
    code = "dispute_not_dismissed"
    status = 409
    message = _("This dispute cannot be dismissed.")


class InvalidSignature(Refusal):
    """The webhook is not signed by the provider, or its signature is too old."""

    code = "invalid_signature"
    status = 400
    message = _("The signature of this message is not valid.")


class MalformedEvent(Refusal):
    """The webhook is signed by the provider, but is no event that we can read."""

    code = "malformed_event"
    status = 400
    message = _("This message is signed, but it is no event that can be read.")
