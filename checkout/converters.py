"""The URL converter of order numbers. Importing this module registers it."""

from django.urls import register_converter
from django.urls.converters import StringConverter


class OrderNumberConverter(StringConverter):
    """An order number, in upper or lower case."""

    regex = "[0-9A-Za-z]{10}"


register_converter(OrderNumberConverter, "order_number")
