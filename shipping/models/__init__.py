"""Methods, rates and quotes; labels; saved addresses."""

from shipping.models.address_book import SavedAddress, SavedAddressQuerySet
from shipping.models.labels import Label, LabelQuerySet, LabelStatus
from shipping.models.prices import (
    POSTAL_CODE_DIGITS,
    Quote,
    QuoteQuerySet,
    ShippingMethod,
    ShippingMethodQuerySet,
    ShippingRate,
    ShippingRateQuerySet,
    postal_code_validator,
)

__all__ = [
    "POSTAL_CODE_DIGITS",
    "Label",
    "LabelQuerySet",
    "LabelStatus",
    "Quote",
    "QuoteQuerySet",
    "SavedAddress",
    "SavedAddressQuerySet",
    "ShippingMethod",
    "ShippingMethodQuerySet",
    "ShippingRate",
    "ShippingRateQuerySet",
    "postal_code_validator",
]
