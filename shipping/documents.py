"""REST serializers shared by carts and orders: the address and the chosen shipping."""

from typing import Any

from rest_framework import serializers

from config.api.fields import Money, Output, Translated


class AddressSerializer(Output[Any]):
    """A postal address in Brazil."""

    name = serializers.CharField()
    street = serializers.CharField()
    number = serializers.CharField()
    complement = serializers.CharField(help_text="Empty if there is none.")
    district = serializers.CharField()
    city = serializers.CharField()
    state = serializers.CharField(help_text="Two letters.")
    postal_code = serializers.CharField(help_text="Eight digits.")
    country = serializers.CharField(help_text="ISO 3166-1, always `BR`.")


class ChosenShippingSerializer(Output[Any]):
    """The chosen shipping method and its price."""

    code = serializers.CharField()
    name = Translated(help_text="In the language of the request.")
    price = Money()
