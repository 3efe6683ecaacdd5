"""What shipping refuses, each with the code that the API shows."""

from django.utils.translation import gettext_lazy as _

from config.exceptions import Refusal


class InvalidPostalCode(Refusal):
    """The text is no Brazilian postal code (CEP)."""

    code = "invalid"
    status = 422
    message = _("A postal code (CEP) has 8 digits, like 01310-200. Please check it.")


class ShippingUnavailable(Refusal):
    """No method, or not the chosen one, brings this parcel to this postal code."""

    code = "shipping_unavailable"
    status = 409
    message = _("This way of shipping does not reach your address. Please choose another one.")


class ShippingRequired(Refusal):
    """Nobody has chosen yet how the parcel travels."""

    code = "shipping_required"
    status = 409
    message = _("Please choose how you want to receive your order.")


class ShippingQuoteExpired(Refusal):
    """The quote is too old, or was made for another parcel or another postal code."""

    code = "shipping_quote_expired"
    status = 409
    message = _("The shipping price has to be worked out again. Please choose the shipping once more.")
