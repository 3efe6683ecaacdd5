"""What a cart refuses."""

from django.utils.translation import gettext_lazy as _

from config.exceptions import NotFound, Refusal


class CartNotFound(NotFound):
    message = _("There is no such cart.")


class LineNotFound(NotFound):
    message = _("This product is not in the cart.")


class CartClosed(Refusal):
    """The cart has become an order, or another cart has taken it in."""

    code = "cart_closed"
    status = 409
    title = _("The cart is closed")
    message = _("This cart has already become an order. Start a new one to buy more.")


class CheckoutInProgress(Refusal):
    """A payment for the cart is under way: what is in it is what is being paid."""

    code = "checkout_in_progress"
    status = 409
    title = _("A payment is under way")
    message = _("This cart is being paid for right now. Wait for the answer, or cancel the payment to change it.")


class InvalidQuantity(Refusal):
    code = "invalid"
    status = 422


class TooManyLines(Refusal):
    code = "invalid"
    status = 422


class AddressRequired(Refusal):
    code = "address_required"
    status = 409
    title = _("The address is missing")
    message = _("Say where it goes first: the price of delivery depends on the address.")


class CartEmpty(Refusal):
    code = "cart_empty"
    status = 409
    title = _("The cart is empty")
    message = _("The cart is empty. Put something in it first.")
