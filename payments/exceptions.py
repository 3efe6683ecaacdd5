"""What the payments app refuses, each with the code that the API shows."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from config.exceptions import Fact, Refusal


class PaymentUnavailable(Refusal):
    """The provider surely did nothing: it was not reached, or it said so. Safe to try again, as a new attempt.

    Never raised where money may have moved; that is an `Outcome` of the kind `unknown`.
    """

    code = "payment_unavailable"
    status = 503
    title = _("Payments are not available")
    message = _("Payments are not available right now. Nothing was charged. Please try again in a moment.")

    def __init__(self, message: str | Promise | None = None, *, retry_after: int = 5, **details: object) -> None:
        self.retry_after = retry_after
        super().__init__(message, retry_after=retry_after, **details)


class CardsUnavailable(PaymentUnavailable):
    """Cards alone: `instead` is the method that goes on."""

    message = _("Cards cannot be charged right now. Nothing was charged. Pay with Pix, or try again in a moment.")
    shows = {"instead": Fact("the `payment_method` that goes on, `pix`.")}


class InvalidPaymentMethod(Refusal):
    """What came as payment method is no token of the provider. Neither stored nor logged: it may be a card number."""

    code = "invalid"
    status = 422
    message = _("This is not a payment method that we can use. Please enter the card again or pay with Pix.")


class RefundRefused(Refusal):
    """The refund is not possible: nothing was captured, or less than asked is left."""

    code = "refund_refused"
    status = 409
    message = _("This amount cannot be refunded.")


class InvalidSignature(Refusal):
    """A webhook that the provider did not sign, or signed too long ago."""

    code = "invalid_signature"
    status = 400
    message = _("The signature of this message is not valid.")
