"""REST API of postal codes."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.conditional import IF_NONE_MATCH, NOT_MODIFIED, ConditionalView
from config.api.fields import Output, document
from config.api.schema import refusals
from shipping import postal_codes
from shipping.address_lookup import look_up
from shipping.exceptions import InvalidPostalCode, PostalCodeUnknown


class PostalCodeSerializer(Output[Any]):
    postal_code = serializers.CharField(help_text="Eight digits.")
    street = serializers.CharField(help_text="This and the next two are empty if they are not known.")
    district = serializers.CharField()
    city = serializers.CharField()
    state = serializers.CharField(help_text="Two letters.")
    precise = serializers.BooleanField(
        help_text="Whether it is the code of one street. False for the code of a whole town, and while no look-up "
        "service answers: let the shopper fill in the rest."
    )


class PostalCodeDetail(ConditionalView):
    @extend_schema(
        operation_id="postal_codes_retrieve",
        summary="Look up a postal code",
        description=(
            "The address behind a CEP, for a form: fill in what is empty, and let everything be changed. Answers "
            "within two seconds; without an answer of the look-up services only the state is known."
        ),
        parameters=[
            OpenApiParameter("cep", str, OpenApiParameter.PATH, description="CEP, with or without the dash."),
            *IF_NONE_MATCH,
        ],
        responses={200: PostalCodeSerializer, **NOT_MODIFIED, **refusals(PostalCodeUnknown, InvalidPostalCode)},
        examples=[
            OpenApiExample(
                "A street",
                {
                    "postal_code": "01310200", "street": "Avenida Paulista", "district": "Bela Vista",
                    "city": "São Paulo", "state": "SP", "precise": True,
                },
                response_only=True,
                status_codes=["200"],
            ),
            OpenApiExample(
                "A whole town",
                {
                    "postal_code": "36325000", "street": "", "district": "", "city": "Tiradentes", "state": "MG",
                    "precise": False,
                },
                response_only=True,
                status_codes=["200"],
            ),
        ],
        tags=["postal codes"],
    )  # fmt: skip
    def get(self, request: Request, cep: str) -> Response:
        hint = look_up(postal_codes.normalise(cep))
        values = {name: getattr(hint, name) or "" for name in ("postal_code", "street", "district", "city", "state")}
        return Response(document(PostalCodeSerializer, {**values, "precise": hint.is_precise}))


urlpatterns = [path("postal-codes/<str:cep>/", PostalCodeDetail.as_view(), name="postal_code")]
