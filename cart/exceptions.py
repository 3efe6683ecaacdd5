"""Refusals of cart operations."""

from django.utils.translation import gettext_lazy as _

from config.exceptions import NotFound, Refusal


class CartNotFound(NotFound):
    message = _("Cart not found.")


class LineNotFound(NotFound):
    message = _("This product is not in the cart.")


class CartClosed(Refusal):
    """The cart was ordered or merged into another cart."""

    code = "cart_closed"
    status = 409
    title = _("The cart is closed")
    message = _("This cart has already been ordered. Start a new one to buy more.")


class CheckoutInProgress(Refusal):
    """A payment for the cart is in progress, so its contents are frozen."""

    code = "checkout_in_progress"
    status = 409
    title = _("Payment in progress")
    message = _("A payment for this cart is in progress. Wait for it, or cancel it to change the cart.")


class InvalidQuantity(Refusal):
    code = "invalid"
    status = 422


class TooManyLines(Refusal):
    code = "invalid"
    status = 422


class CurrencyMismatch(Refusal):
    """A product is sold in another currency than the cart's. Nothing was charged, and the cart is unchanged."""

    code = "invalid"
    status = 422
    message = _(
        "Something in this cart is sold in another currency now. Nothing was charged. Check the marked items, and "
        "order them separately."
    )


class AddressRequired(Refusal):
    code = "address_required"
    status = 409
    title = _("Address missing")
    message = _("Enter the delivery address first: the delivery price depends on it.")


class CartEmpty(Refusal):
    code = "cart_empty"
    status = 409
    title = _("The cart is empty")
    message = _("Your cart is empty. Add something first.")
