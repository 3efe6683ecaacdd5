"""The documents of REST answers that carts and orders share: an address and the shipping chosen."""

from typing import Any

from rest_framework import serializers

from config.api.fields import Money, Translated


class AddressSerializer(serializers.Serializer[Any]):
    """A postal address in Brazil."""

    name = serializers.CharField()
    street = serializers.CharField()
    number = serializers.CharField()
    complement = serializers.CharField(help_text="Empty where there is none.")
    district = serializers.CharField()
    city = serializers.CharField()
    state = serializers.CharField(help_text="Two letters.")
    postal_code = serializers.CharField(help_text="Eight digits.")
    country = serializers.CharField(help_text="ISO 3166-1, always `BR`.")


class ChosenShippingSerializer(serializers.Serializer[Any]):
    """How it travels and what that costs."""

    code = serializers.CharField()
    name = Translated(help_text="In the language of the request.")
    price = Money()
