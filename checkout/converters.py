"""How an order's number stands in an address. Importing this registers it."""

from django.urls import register_converter
from django.urls.converters import StringConverter


class OrderNumberConverter(StringConverter):
    """An order's number, in either case."""

    regex = "[0-9A-Za-z]{10}"


register_converter(OrderNumberConverter, "order_number")
