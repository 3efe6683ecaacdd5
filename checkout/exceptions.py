"""The refusals of the checkout."""

from decimal import Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cart.exceptions import CheckoutInProgress
from config.exceptions import Fact, NotFound, Refusal
from payments.exceptions import PaymentUnavailable


class OrderNotFound(NotFound):
    message = _("We could not find this order, or its link is incomplete. Please open the link from your e-mail.")


class PriceChanged(Refusal):
    """The cart now costs more than the shopper agreed to."""

    code = "price_changed"
    status = 409
    title = _("The total has changed")
    message = _(
        "The total has changed since you last saw it. Nothing was charged. Please check the new total and confirm it."
    )
    shows = {"expected_total": Fact("the total that the shopper agreed to."), "total": Fact("the current total.")}

    def __init__(self, *, expected: Decimal, total: Decimal) -> None:
        super().__init__(expected_total=str(expected), total=str(total))


class PaymentDeclined(Refusal):
    """The bank declined. Nothing was charged and the cart is open again."""

    code = "payment_declined"
    status = 402
    title = _("The payment was declined")
    message = _("The bank declined this card. Nothing was charged. Try another card, or pay with Pix.")


class TooMuchUnpaid(PaymentUnavailable):
    """Too many units are held for orders that wait to be paid. What is paid at once is not bounded: see `methods`.

    Nothing was charged and the cart is open.
    """

    counted_as = "too_much_unpaid"  # in the metrics: no outage of the provider
    message = _(
        "Many of these items are held for orders that are not paid yet, so only payments that are approved at once are "
        "possible now. Nothing was charged. Pay by card, or try again in a few minutes."
    )

    def __init__(self, *, methods: list[str]) -> None:
        super().__init__(retry_after=60, methods=methods)


class NetworkHoldsTooMuch(TooMuchUnpaid):
    """The same, since too many orders from this network wait to be paid."""

    message = _(
        "Too many orders from your connection are waiting for their payment. Nothing was charged. Pay by card, or pay "
        "for the other orders first."
    )


class CardsClosed(Refusal):
    """Too many cards were declined for this cart, this person or this network. Pix is open."""

    code = "cards_closed"
    status = 409
    title = _("Cards are closed for now")
    message = _("Several cards were declined, so cards are closed for now. Nothing was charged. You can pay with Pix.")
    shows = {
        "instead": Fact("the `payment_method` that is open, `pix`."),
        "methods": Fact("the methods that are open: `pix`.", list[str]),
    }

    def __init__(self, *, retry_after: int) -> None:
        super().__init__(retry_after=retry_after, instead="pix", methods=["pix"])


class IdempotencyKeyRequired(Refusal):
    code = "idempotency_key_required"
    status = 400
    title = _("The Idempotency-Key is missing")
    message = _("Send an Idempotency-Key header so that a retry cannot place the order twice.")


class IdempotencyKeyInvalid(Refusal):
    code = "idempotency_key_invalid"
    status = 400
    title = _("The Idempotency-Key is not valid")
    message = _("An Idempotency-Key has at most 255 characters and no NUL. Send a shorter one, such as a UUID.")


class IdempotencyKeyReused(Refusal):
    code = "idempotency_key_reused"
    status = 422
    title = _("The Idempotency-Key was used before")
    message = _("This Idempotency-Key was already used for a different request. Use a new key for each new request.")


class RequestOvertaken(Refusal):
    """A repeat of this request has taken over its idempotency key, so only the repeat may place the order.

    Never reaches the client: `answer_once` turns it into CheckoutInProgress.
    """

    code = CheckoutInProgress.code
    status = CheckoutInProgress.status
    message = CheckoutInProgress.message


class OrderNotCancellable(Refusal):
    code = "order_not_cancellable"
    status = 409
    message = _("This order can no longer be cancelled.")


class OrderNotAdvanced(Refusal):
    code = "order_not_advanced"
    status = 409
    message = _("This order cannot move to that status now.")


class ParcelRefused(Refusal):
    code = "parcel_refused"
    status = 409
    message = _("This parcel belongs to another order.")


class ReturnNotPossible(Refusal):
    """A shopper gives back what the order has not."""

    code = "return_not_possible"
    status = 409
    title = _("This cannot be returned")
    message = _("This cannot be returned.")
    shows = {
        "reason": Fact("`status`: the order is not paid, or its money has gone back; `too_many`; `nothing_chosen`.")
    }

    def __init__(self, message: str | Promise | None = None, *, reason: str) -> None:
        super().__init__(message, reason=reason)


class ReturnRefused(Refusal):
    """Staff do with a return what its status does not allow."""

    code = "return_refused"
    status = 409
    message = _("This is not possible with this return.")
