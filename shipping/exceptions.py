"""Refusals of the shipping app, each with its API error code."""

from django.utils.translation import gettext_lazy as _

from config.exceptions import Fact, NotFound, Refusal


class InvalidPostalCode(Refusal):
    """The text is not a Brazilian postal code (CEP)."""

    code = "invalid"
    status = 422
    message = _("A postal code (CEP) has 8 digits, like 01310-200. Please check it.")


class PostalCodeUnknown(NotFound):
    """No street and no town has this postal code (CEP), as far as the look-up services know."""

    code = "postal_code_unknown"
    title = _("Unknown postal code")
    message = _("We do not know this CEP. Please check it, or fill in the address.")


class SavedAddressNotFound(NotFound):
    """The address book of this shopper has no such address."""

    message = _("This address is not in your address book any more.")


class InvalidTaxId(Refusal):
    """The text is neither a CPF nor a CNPJ."""

    code = "invalid"
    status = 422
    message = _("Check the CPF or CNPJ: its digits are not right. A CPF has 11 digits, like 529.982.247-25.")


class TaxIdRequired(Refusal):
    """The shop asks for the recipient's tax id, and there is none."""

    code = "invalid"
    status = 422
    message = _("Enter the recipient's CPF or CNPJ.")


class ShippingUnavailable(Refusal):
    """No method, or not the chosen one, delivers this parcel to this postal code."""

    code = "shipping_unavailable"
    status = 409
    title = _("Shipping method not available")
    message = _("This shipping method does not deliver to your address. Please choose another one.")


class ShippingRequired(Refusal):
    """No shipping method has been chosen yet."""

    code = "shipping_required"
    status = 409
    title = _("The shipping method is missing")
    message = _("Please choose how you want to receive your order.")


class ShippingQuoteExpired(Refusal):
    """The quote has expired, or was made for another parcel or postal code."""

    code = "shipping_quote_expired"
    status = 409
    title = _("The shipping price is out of date")
    message = _("The shipping price has to be recalculated. Please choose a shipping method again.")
    shows = {"reason": Fact("`expired`, `address_changed` or `cart_changed`.")}


class LabelsUnavailable(Refusal):
    """No carrier that sells labels is configured."""

    code = "labels_unavailable"
    status = 409
    message = _("No carrier that sells labels is configured.")


class NoLabelToPrint(Refusal):
    """None of the parcels has a label that is ready and not handed over."""

    code = "no_label_to_print"
    status = 409
    message = _("None of these orders has a label that is ready to print.")


class LabelsNotPrinted(Refusal):
    """The carrier refused to make one document of several labels, or did not answer."""

    code = "labels_not_printed"
    status = 409
    message = _("The carrier did not make the print. Try again in a minute, or print the labels one by one.")


class ForgedWebhook(Refusal):
    """A webhook of the carrier whose signature is not right."""

    code = "invalid_signature"
    status = 400
    message = _("The signature of this webhook is not right.")
