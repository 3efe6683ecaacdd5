"""REST API of postal codes and of address books."""

from typing import Any
from uuid import UUID

from django.urls import path
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.conditional import IF_NONE_MATCH, NOT_MODIFIED, ConditionalView
from config.api.fields import Input, Moment, Output, PrivateView, Text, document, known_user_id, read_body
from config.api.problems import NotAuthenticated
from config.api.schema import refusals
from config.exceptions import Refusal
from shipping import address_book, postal_codes, tax_ids
from shipping.address_lookup import look_up
from shipping.addresses import Address
from shipping.documents import AddressSerializer, NewAddressSerializer, TaxId
from shipping.exceptions import InvalidPostalCode, PostalCodeUnknown, SavedAddressNotFound
from shipping.models import SavedAddress


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


class NewSavedAddressSerializer(Input):
    phone = Text(max_length=20, required=False, allow_blank=True, default="")
    tax_id = TaxId(
        max_length=tax_ids.MAX_TYPED,
        required=False,
        allow_blank=True,
        default="",
        help_text="The recipient's CPF or CNPJ, in any notation. Required, optional or not kept, as the shop has it.",
    )
    address = NewAddressSerializer()


class SavedAddressSerializer(Output[Any]):
    id = serializers.UUIDField()
    phone = serializers.CharField()
    tax_id = serializers.CharField(source="masked_tax_id", help_text="Masked; empty if there is none.")
    address = AddressSerializer()
    used_at = Moment()


class AddressBookSerializer(Output[Any]):
    results = SavedAddressSerializer(many=True)


class AddressBook(PrivateView):
    permission_classes = (IsAuthenticated,)
    field_paths = {"state": "address.state"}

    @extend_schema(
        operation_id="me_addresses_list",
        summary="My addresses",
        responses={200: AddressBookSerializer, **refusals(NotAuthenticated)},
        tags=["accounts"],
    )
    def get(self, request: Request) -> Response:
        """One's address book, the address used last first: at most twenty."""
        found = SavedAddress.objects.of_user(known_user_id(request))
        return Response(document(AddressBookSerializer, {"results": found}))

    @extend_schema(
        operation_id="me_addresses_create",
        summary="Save an address",
        request=NewSavedAddressSerializer,
        responses={201: SavedAddressSerializer, **refusals(NotAuthenticated, Refusal)},
        examples=[
            OpenApiExample(
                "Avenida Paulista",
                {
                    "phone": "11 98765-4321",
                    "tax_id": "529.982.247-25",
                    "address": {
                        "name": "Ana Souza", "street": "Avenida Paulista", "number": "1000", "complement": "ap. 42",
                        "district": "Bela Vista", "city": "São Paulo", "state": "SP", "postal_code": "01310-100",
                        "country": "BR",
                    },
                },
                request_only=True,
            )
        ],
        tags=["accounts"],
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Sent again for the same recipient and place, it renews what is there. Beyond twenty, the one that was not
        used for longest goes. `PUT carts/{id}/delivery/saved/` delivers there."""
        body = read_body(NewSavedAddressSerializer, request)
        address = Address(**body["address"])
        saved = address_book.save(known_user_id(request), address, phone=body["phone"], tax_id=body["tax_id"])
        return Response(document(SavedAddressSerializer, saved), status=status.HTTP_201_CREATED)


class AddressBookEntry(PrivateView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="me_addresses_destroy",
        summary="Remove a saved address",
        request=None,
        responses={204: None, **refusals(NotAuthenticated, SavedAddressNotFound)},
        tags=["accounts"],
    )
    def delete(self, request: Request, id: UUID) -> Response:  # noqa: A002  the contract's own name
        """Orders and carts that it was chosen for keep it."""
        address_book.remove(known_user_id(request), id)
        return Response(status=status.HTTP_204_NO_CONTENT)


urlpatterns = [
    path("postal-codes/<str:cep>/", PostalCodeDetail.as_view(), name="postal_code"),
    path("me/addresses/", AddressBook.as_view(), name="addresses"),
    path("me/addresses/<uuid:id>/", AddressBookEntry.as_view(), name="address"),
]
