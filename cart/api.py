"""REST API of carts: each view parses the body, calls one operation and returns the cart."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.urls import path
from drf_spectacular.utils import OpenApiExample, PolymorphicProxySerializer, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

import cart.converters  # noqa: F401  registers itself
from cart import services, snapshot
from cart.exceptions import AddressRequired, CartClosed, CartEmpty, CartNotFound, CheckoutInProgress, LineNotFound
from cart.filling import Delivery as DeliveryDetails
from cart.filling import WantedLine
from cart.merging import StayingLine, StaysBecause
from cart.models import CartStatus
from cart.snapshot import CartSnapshot
from config.api.conditional import IF_NONE_MATCH, NOT_MODIFIED, ConditionalView
from config.api.fields import (
    Email,
    Input,
    Moment,
    Money,
    Output,
    PrivateView,
    Text,
    WholeNumber,
    document,
    known_user_id,
    read_body,
    user_id_of,
)
from config.api.problems import NotAuthenticated
from config.api.schema import refusals
from config.exceptions import Refusal
from inventory.exceptions import InsufficientStock, ProductNotFound
from shipping import tax_ids
from shipping.addresses import Address
from shipping.documents import AddressSerializer, ChosenShippingSerializer, NewAddressSerializer, TaxId
from shipping.exceptions import SavedAddressNotFound, ShippingUnavailable

# --- Requests ---------------------------------------------------------------------------------------------------------


class NothingSerializer(Input):
    """An empty object, or no body at all."""


class NewLineSerializer(Input):
    sku = Text(max_length=64)
    quantity = WholeNumber(min_value=1, max_value=settings.MAX_LINE_QUANTITY)


class NewLinesSerializer(Input):
    """All or nothing: if one line is refused, none is added."""

    lines = serializers.ListField(
        child=NewLineSerializer(),
        min_length=1,
        max_length=settings.MAX_CART_LINES,
        help_text="Quantities of the same product add up.",
    )


class QuantitySerializer(Input):
    quantity = WholeNumber(min_value=0, max_value=settings.MAX_LINE_QUANTITY, help_text="0 removes the line.")


class DeliverySerializer(Input):
    email = Email(max_length=254)
    phone = Text(max_length=20, required=False, allow_blank=True, default="")
    tax_id = TaxId(
        max_length=tax_ids.MAX_TYPED,
        required=False,
        allow_blank=True,
        default="",
        help_text="The recipient's CPF or CNPJ, in any notation. Required, optional or not kept, as the shop has it. "
        "Send it masked, as the cart shows it, to keep the one that is there.",
    )
    address = NewAddressSerializer()


class SavedDeliverySerializer(Input):
    id = serializers.UUIDField(help_text="An address of `GET me/addresses/`.")
    email = Email(max_length=254, required=False, help_text="By default the account's.")


class ShippingChoiceSerializer(Input):
    code = Text(max_length=64)


class NewCartSerializer(Input):
    """Everything is optional. All or nothing: if a part is refused, nothing is kept."""

    lines = serializers.ListField(
        child=NewLineSerializer(),
        required=False,
        default=list,
        max_length=settings.MAX_CART_LINES,
        help_text="Quantities of the same product add up.",
    )
    delivery = DeliverySerializer(required=False)
    shipping = ShippingChoiceSerializer(required=False, help_text="Needs `lines` and `delivery`, here or in the cart.")


# --- Responses --------------------------------------------------------------------------------------------------------


class CartLineSerializer(Output[snapshot.SnapshotLine]):
    sku = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_price = Money()
    line_total = Money()
    available = serializers.BooleanField(
        help_text="Whether the line can be ordered as is; may be a few seconds stale. False, and left out of the "
        "cart's amounts, if the product is sold in another currency than the cart's now."
    )


class ShippingOptionSerializer(ChosenShippingSerializer):
    min_days = serializers.IntegerField(help_text="Working days.")
    max_days = serializers.IntegerField(help_text="Working days.")


class ShippingOptionsSerializer(Output[Any]):
    options = ShippingOptionSerializer(many=True, help_text="Cheapest first; empty if no option serves the address.")


class CartSerializer(Output[CartSnapshot]):
    id = serializers.CharField(help_text="Gives access to a guest cart: keep it secret.")
    version = serializers.IntegerField(help_text="Increases with every change.")
    currency = serializers.CharField(help_text="ISO 4217 code of every amount in this document.")
    status = serializers.ChoiceField(CartStatus.choices)
    lines = CartLineSerializer(many=True)
    email = serializers.CharField(help_text="Empty until the delivery is set.")
    tax_id = serializers.CharField(help_text="The recipient's CPF or CNPJ, masked; empty if there is none.")
    address = AddressSerializer(allow_null=True)
    shipping = ChosenShippingSerializer(allow_null=True)
    shipping_options = ShippingOptionsSerializer(
        source="offer",
        allow_null=True,
        help_text="What the shipping options call answers; null while there is no address, and once the cart is not "
        "`open`.",
    )
    subtotal = Money()
    shipping_total = Money()
    total = Money()
    expires_at = Moment(help_text="When the cart expires; every change extends it.")


class StayingLineSerializer(Output[StayingLine]):
    sku = serializers.CharField()
    quantity = serializers.IntegerField()
    reason = serializers.ChoiceField(
        [*StaysBecause],
        help_text="`currency`: sold in another currency than the user's cart. `limit`: the user's cart is full.",
    )


class ClaimedCartSerializer(CartSerializer):
    left_behind = StayingLineSerializer(
        many=True,
        required=False,
        help_text="Lines that stay in the guest cart, which then stays open under its own id. Absent if all moved.",
    )


def _answer(cart: CartSnapshot, status_code: int = status.HTTP_200_OK) -> Response:
    return Response(document(CartSerializer, services.with_offer(cart)), status=status_code)


# --- Views ------------------------------------------------------------------------------------------------------------

UNCHANGEABLE = (CartNotFound, CartClosed, CheckoutInProgress)
MUGS = {"sku": "CANECA-AGATA-AZUL", "quantity": 2}
PAULISTA = {
    "email": "ana@example.com",
    "phone": "11 98765-4321",
    "tax_id": "529.982.247-25",
    "address": {
        "name": "Ana Souza", "street": "Avenida Paulista", "number": "1000", "complement": "ap. 42",
        "district": "Bela Vista", "city": "São Paulo", "state": "SP", "postal_code": "01310-100", "country": "BR",
    },
}  # fmt: skip
SHORT = InsufficientStock([{"sku": "CANECA-AGATA-AZUL", "requested": 2, "available": 1}])


class Carts(PrivateView):
    field_paths = {"state": "delivery.address.state", "tax_id": "delivery.tax_id", "shipping_code": "shipping.code"}

    @extend_schema(
        operation_id="carts_create",
        summary="Start a cart, empty or with everything",
        description=(
            "Creates a guest cart. If signed in, returns the user's one live cart, created if necessary.\n\n"
            "May bring `lines` (added to those that are there), `delivery` and `shipping`, so that the cart can be "
            "checked out next. All or nothing, with the refusals of the single calls; `errors` names the places, such "
            "as `lines.0.sku`."
        ),
        request=NewCartSerializer,
        responses={
            201: CartSerializer,
            **refusals(
                ProductNotFound, SHORT, ShippingUnavailable, AddressRequired, CartEmpty, CartClosed,
                CheckoutInProgress, Refusal,
            ),
        },
        examples=[
            OpenApiExample("An empty cart", {}, request_only=True),
            OpenApiExample(
                "Ready to be checked out",
                {"lines": [MUGS], "delivery": PAULISTA, "shipping": {"code": "pac"}},
                request_only=True,
            ),
        ],
        tags=["carts"],
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        body = read_body(NewCartSerializer, request)
        contents = services.Contents(
            lines=tuple(_wanted(body["lines"])),
            delivery=_delivery(body["delivery"]) if "delivery" in body else None,
            shipping_code=body["shipping"]["code"] if "shipping" in body else "",
        )
        return _answer(services.start_cart(contents, user_id=user_id_of(request)), status.HTTP_201_CREATED)


def _wanted(lines: list[dict[str, Any]]) -> list[WantedLine]:
    return [WantedLine(**line, place=f"lines.{place}") for place, line in enumerate(lines)]


def _delivery(values: dict[str, Any]) -> DeliveryDetails:
    return DeliveryDetails(
        email=values["email"],
        phone=values["phone"],
        tax_id=values["tax_id"],
        address=Address(**values["address"]),
    )


class CartDetail(ConditionalView, PrivateView):
    @extend_schema(
        operation_id="carts_retrieve",
        summary="Read a cart",
        parameters=IF_NONE_MATCH,
        responses={200: CartSerializer, **NOT_MODIFIED, **refusals(CartNotFound)},
        tags=["carts"],
    )
    def get(self, request: Request, id: str) -> Response:  # noqa: A002  the contract's own name
        return _answer(snapshot.load(id, user_id_of(request)))


class CartClaim(PrivateView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="carts_claim_create",
        summary="Claim a guest cart",
        description=(
            "Merges the guest cart into the signed-in user's cart and returns the latter. Lines that do not fit stay "
            "in the guest cart and are named in `left_behind`; claim it again once the user's cart is ordered."
        ),
        request=NothingSerializer,
        responses={200: ClaimedCartSerializer, **refusals(*UNCHANGEABLE, NotAuthenticated, Refusal)},
        tags=["carts"],
    )
    def post(self, request: Request, id: str) -> Response:  # noqa: A002
        read_body(NothingSerializer, request)
        cart, staying = services.claim_cart(id, known_user_id(request))
        answer = _answer(cart)
        if staying:
            answer.data["left_behind"] = [document(StayingLineSerializer, line) for line in staying]
        return answer


class CartLines(PrivateView):
    @extend_schema(
        operation_id="carts_lines_create",
        summary="Add products to a cart",
        description=(
            "One product, or many as `lines`: all or nothing, and `errors` names the places, such as `lines.0.sku`. If "
            "a product is already in the cart, adds to its quantity."
        ),
        request=PolymorphicProxySerializer("NewLineOrLines", [NewLineSerializer, NewLinesSerializer], None),
        responses={201: CartSerializer, **refusals(*UNCHANGEABLE, ProductNotFound, SHORT, Refusal)},
        examples=[
            OpenApiExample("Two mugs", MUGS, request_only=True),
            OpenApiExample(
                "Two products", {"lines": [MUGS, {"sku": "PANELA-FERRO-24", "quantity": 1}]}, request_only=True
            ),
        ],
        tags=["carts"],
    )
    def post(self, request: Request, id: str) -> Response:  # noqa: A002
        if isinstance(request.data, Mapping) and "lines" in request.data:
            wanted = _wanted(read_body(NewLinesSerializer, request)["lines"])
        else:
            wanted = [WantedLine(**read_body(NewLineSerializer, request))]
        cart = services.add_lines(id, wanted, user_id=user_id_of(request))
        return _answer(cart, status.HTTP_201_CREATED)


class CartLineDetail(PrivateView):
    @extend_schema(
        operation_id="carts_lines_partial_update",
        summary="Change the quantity of a line",
        request=QuantitySerializer,
        responses={200: CartSerializer, **refusals(*UNCHANGEABLE, LineNotFound, SHORT, Refusal)},
        tags=["carts"],
    )
    def patch(self, request: Request, id: str, sku: str) -> Response:  # noqa: A002
        quantity = read_body(QuantitySerializer, request)["quantity"]
        return _answer(services.set_quantity(id, sku, quantity, user_id=user_id_of(request)))

    @extend_schema(
        operation_id="carts_lines_destroy",
        summary="Remove a product from a cart",
        request=None,
        responses={200: CartSerializer, **refusals(*UNCHANGEABLE, LineNotFound)},
        tags=["carts"],
    )
    def delete(self, request: Request, id: str, sku: str) -> Response:  # noqa: A002
        return _answer(services.remove_line(id, sku, user_id=user_id_of(request)))


class Delivery(PrivateView):
    field_paths = {"state": "address.state"}

    @extend_schema(
        operation_id="carts_delivery_update",
        summary="Set the delivery address",
        description="Keeps the chosen shipping method, at its new price, if it serves the new address.",
        request=DeliverySerializer,
        responses={200: CartSerializer, **refusals(*UNCHANGEABLE, Refusal)},
        examples=[OpenApiExample("Avenida Paulista", PAULISTA, request_only=True)],
        tags=["carts"],
    )
    def put(self, request: Request, id: str) -> Response:  # noqa: A002
        delivery = _delivery(read_body(DeliverySerializer, request))
        cart = services.set_delivery(
            id,
            email=delivery.email,
            phone=delivery.phone,
            tax_id=delivery.tax_id,
            address=delivery.address,
            user_id=user_id_of(request),
        )
        return _answer(cart)


class SavedDelivery(PrivateView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="carts_delivery_saved_update",
        summary="Deliver to an address of one's address book",
        description="As `PUT carts/{id}/delivery/` with its name, address, phone and tax id, which then is the one "
        "used last. A name or an address that is changed in the cart changes nothing in the address book.",
        request=SavedDeliverySerializer,
        responses={200: CartSerializer, **refusals(*UNCHANGEABLE, SavedAddressNotFound, NotAuthenticated, Refusal)},
        tags=["carts"],
    )
    def put(self, request: Request, id: str) -> Response:  # noqa: A002
        chosen = read_body(SavedDeliverySerializer, request)
        email = chosen.get("email", getattr(request.user, "email", ""))
        return _answer(services.deliver_to_saved(id, chosen["id"], email=email, user_id=known_user_id(request)))


class ShippingOptions(PrivateView):
    @extend_schema(
        operation_id="carts_shipping_options_retrieve",
        summary="List shipping options",
        responses={200: ShippingOptionsSerializer, **refusals(CartNotFound, AddressRequired)},
        tags=["carts"],
    )
    def get(self, request: Request, id: str) -> Response:  # noqa: A002
        options = services.shipping_options(snapshot.load(id, user_id_of(request)))
        return Response(document(ShippingOptionsSerializer, {"options": options}))


class ShippingChoice(PrivateView):
    @extend_schema(
        operation_id="carts_shipping_update",
        summary="Choose a shipping option",
        description="Locks in the price until the quote expires. Choosing again takes the current price.",
        request=ShippingChoiceSerializer,
        responses={
            200: CartSerializer,
            **refusals(*UNCHANGEABLE, ShippingUnavailable, AddressRequired, CartEmpty, Refusal),
        },
        tags=["carts"],
    )
    def put(self, request: Request, id: str) -> Response:  # noqa: A002
        code = read_body(ShippingChoiceSerializer, request)["code"]
        return _answer(services.choose_shipping(id, code, user_id=user_id_of(request)))


urlpatterns = [
    path("carts/", Carts.as_view(), name="carts"),
    path("carts/<cart_id:id>/", CartDetail.as_view(), name="cart"),
    path("carts/<cart_id:id>/claim/", CartClaim.as_view(), name="cart_claim"),
    path("carts/<cart_id:id>/lines/", CartLines.as_view(), name="cart_lines"),
    path("carts/<cart_id:id>/lines/<path:sku>/", CartLineDetail.as_view(), name="cart_line"),
    path("carts/<cart_id:id>/delivery/", Delivery.as_view(), name="cart_delivery"),
    path("carts/<cart_id:id>/delivery/saved/", SavedDelivery.as_view(), name="cart_delivery_saved"),
    path("carts/<cart_id:id>/shipping-options/", ShippingOptions.as_view(), name="cart_shipping_options"),
    path("carts/<cart_id:id>/shipping/", ShippingChoice.as_view(), name="cart_shipping"),
]
