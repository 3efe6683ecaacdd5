"""REST serializers that several APIs share: addresses, tax ids and the chosen shipping."""

from typing import Any

from rest_framework import serializers

from config.api.fields import Input, Money, Output, Text, Translated
from shipping import postal_codes, tax_ids
from shipping.exceptions import InvalidPostalCode, InvalidTaxId


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


# --- Input ------------------------------------------------------------------------------------------------------------


class PostalCode(Text):
    """A CEP in any notation; the clean value is its eight digits."""

    def to_internal_value(self, data: Any) -> str:
        try:
            return postal_codes.normalise(super().to_internal_value(data))
        except InvalidPostalCode as refusal:
            raise serializers.ValidationError(str(refusal)) from refusal


class TaxId(Text):
    """A CPF or CNPJ in any notation, or masked as the cart shows it."""

    def to_internal_value(self, data: Any) -> str:
        try:
            return tax_ids.read(super().to_internal_value(data))
        except InvalidTaxId as refusal:
            raise serializers.ValidationError(str(refusal)) from refusal


class NewAddressSerializer(Input):
    name = Text(max_length=120)
    street = Text(max_length=120)
    number = Text(max_length=20)
    complement = Text(max_length=80, required=False, allow_blank=True, default="")
    district = Text(max_length=80)
    city = Text(max_length=80)
    state = serializers.ChoiceField([*postal_codes.state_names])
    postal_code = PostalCode(max_length=20, help_text="CEP, with or without the dash.")
    country = serializers.ChoiceField(["BR"])
