"""What shipping refuses, each with the code that the API shows."""

from django.utils.translation import gettext_lazy as _

from config.exceptions import Fact, Refusal


class InvalidPostalCode(Refusal):
    """The text is no Brazilian postal code (CEP)."""

    code = "invalid"
    status = 422
    message = _("A postal code (CEP) has 8 digits, like 01310-200. Please check it.")


class ShippingUnavailable(Refusal):
    """No method, or not the chosen one, brings this parcel to this postal code."""

    code = "shipping_unavailable"
    status = 409
    title = _("No such way of shipping")
    message = _("This way of shipping does not reach your address. Please choose another one.")


class ShippingRequired(Refusal):
    """Nobody has chosen yet how the parcel travels."""

    code = "shipping_required"
    status = 409
    title = _("The way of shipping is missing")
    message = _("Please choose how you want to receive your order.")


class ShippingQuoteExpired(Refusal):
    """The quote is too old, or was made for another parcel or another postal code."""

    code = "shipping_quote_expired"
    status = 409
    title = _("The shipping price is out of date")
    message = _("The shipping price has to be worked out again. Please choose the shipping once more.")
    shows = {"reason": Fact("`expired`, `address_changed` or `cart_changed`.")}
