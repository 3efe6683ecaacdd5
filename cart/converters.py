"""URL converter for cart ids. Importing this registers it."""

from django.urls import register_converter
from django.urls.converters import StringConverter


class CartIdConverter(StringConverter):
    """43 characters of URL-safe base64. Anything else does not match."""

    regex = "[A-Za-z0-9_-]{43}"


register_converter(CartIdConverter, "cart_id")
