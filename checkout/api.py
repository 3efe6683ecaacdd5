"""Where an app's cart becomes an order, and the orders it may read."""

from decimal import Decimal
from typing import Any

from django.db import models
from django.urls import path
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.pagination import PageNumberPagination
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

import cart.converters  # noqa: F401  registers itself
import checkout.converters  # noqa: F401  registers itself
from cart.exceptions import AddressRequired, CartClosed, CartEmpty, CartNotFound, CheckoutInProgress
from checkout.exceptions import (
    IdempotencyKeyRequired,
    IdempotencyKeyReused,
    OrderNotFound,
    PaymentDeclined,
    PriceChanged,
)
from checkout.idempotency import Answer
from checkout.models import Order, OrderQuerySet, OrderStatus
from checkout.place_once import Render, place_once
from checkout.place_order import PlaceOrder
from config.api.fields import Input, Moment, Money, PrivateView, Text, document, read_body, user_id_of
from config.api.problems import problem_of, problem_response
from config.api.schema import refusals
from config.exceptions import NotFound, Refusal
from inventory.exceptions import InsufficientStock
from payments import services as payments
from payments.exceptions import InvalidPaymentMethod, PaymentUnavailable
from payments.models import AttemptStatus, PaymentMethod, PaymentStatus
from shipping.documents import AddressSerializer, ChosenShippingSerializer
from shipping.exceptions import ShippingQuoteExpired, ShippingRequired

# --- What comes in ----------------------------------------------------------------------------------------------------


class CheckoutSerializer(Input):
    payment_method = Text(max_length=255, help_text="The provider's token, such as `pm_card_visa`, or `pix`.")
    expected_total = Money(help_text="The cart's `total` that the shopper agreed to. A lower total is passed on.")

    def validate_payment_method(self, value: str) -> str:
        try:
            return payments.check_method_token(value)
        except InvalidPaymentMethod as refusal:
            raise serializers.ValidationError(str(refusal)) from refusal


# --- What goes out ----------------------------------------------------------------------------------------------------


class PaymentProgress(models.TextChoices):
    """How far the payment of an order is, in words for apps."""

    PENDING = "pending", _("the bank has not answered yet; do not repeat the payment")
    AWAITING_ACTION = "awaiting_action", _("the shopper must complete `action`")
    PAID = "paid", _("the payment was received")
    DECLINED = "declined", _("the bank declined; nothing was charged")
    CANCELLED = "cancelled", _("cancelled; nothing was charged")
    PARTIALLY_REFUNDED = "partially_refunded", _("part of the money was refunded")
    REFUNDED = "refunded", _("all of the money was refunded")


_FROM_PAYMENT = {
    PaymentStatus.PENDING: PaymentProgress.PENDING,
    PaymentStatus.PAID: PaymentProgress.PAID,
    PaymentStatus.FAILED: PaymentProgress.DECLINED,
    PaymentStatus.CANCELLED: PaymentProgress.CANCELLED,
    PaymentStatus.PARTIALLY_REFUNDED: PaymentProgress.PARTIALLY_REFUNDED,
    PaymentStatus.REFUNDED: PaymentProgress.REFUNDED,
}


class ActionSerializer(serializers.Serializer[Any]):
    """`redirect`: open `url`. `pix`: pay `qr_code`, the copy-and-paste text of the QR code, until `expires_at`."""

    type = serializers.ChoiceField([("redirect", "redirect"), ("pix", "pix")])
    url = serializers.CharField(required=False, help_text="With `redirect`.")
    qr_code = serializers.CharField(required=False, help_text="With `pix`.")
    expires_at = serializers.CharField(required=False, help_text="With `pix`: RFC 3339 in UTC.")


class PaymentSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(PaymentProgress.choices)
    method = serializers.ChoiceField(PaymentMethod.choices)
    action = ActionSerializer(allow_null=True)


class OrderLineSerializer(serializers.Serializer[Any]):
    sku = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_price = Money()
    line_total = Money()


# Reads what `with_everything` has loaded, or what `place_order` answered with.
class OrderSerializer(serializers.Serializer[Order]):
    number = serializers.CharField()
    token = serializers.CharField(help_text="Opens the order to a guest, as `Order-Token`: keep it secret.")
    status = serializers.ChoiceField(OrderStatus.choices)
    currency = serializers.CharField(help_text="ISO 4217, of every amount on this document.")
    placed_at = Moment()
    lines = OrderLineSerializer(many=True)
    email = serializers.CharField()
    address = AddressSerializer()
    shipping = ChosenShippingSerializer()
    subtotal = Money()
    shipping_total = Money()
    total = Money()
    payment = PaymentSerializer()

    def to_representation(self, instance: Order) -> dict[str, Any]:
        """The order's own columns, with what stands in other rows beside them."""
        facts = {name: getattr(instance, name) for name in _OWN_COLUMNS}
        beside = {
            "lines": instance.sold,
            "shipping": {
                "code": instance.quote.method_code,
                "name": instance.quote.name,
                "price": instance.shipping_total,
            },
            "payment": _payment_facts(instance),
        }
        document: dict[str, Any] = super().to_representation(facts | beside)  # type: ignore[arg-type]
        return document


_OWN_COLUMNS = (
    "number", "token", "status", "currency", "placed_at", "email", "address", "subtotal", "shipping_total", "total",
)  # fmt: skip


def _payment_facts(order: Order) -> dict[str, Any]:
    attempt = order.current_attempt
    waiting = attempt is not None and attempt.status == AttemptStatus.ACTION
    known = _FROM_PAYMENT[PaymentStatus(order.payment.status)]
    return {
        "status": PaymentProgress.AWAITING_ACTION if waiting else known,
        "method": order.payment.method,
        "action": attempt.action if attempt is not None and waiting else None,
    }


class OrderPages(PageNumberPagination):
    page_size = 20


# --- Views ------------------------------------------------------------------------------------------------------------

REPLAYED = OpenApiParameter(
    "Idempotent-Replayed",
    str,
    OpenApiParameter.HEADER,
    enum=["true"],
    description="Set where this is the first answer to the same key, given again.",
    response=[201, 202, 402],
)


class Checkout(PrivateView):
    throttle_scope = "checkout"

    @extend_schema(
        operation_id="carts_checkout_create",
        summary="Make a cart an order and pay for it",
        description=(
            "Send a new `Idempotency-Key` for each decision of the shopper, and the same one when you repeat a request "
            "whose answer was lost: the first answer comes again, and nothing is charged twice.\n\n"
            "After `payment_declined` the cart is as it was; use a new key for the next card. On 202 look at "
            "`payment.action`, or read the order again later."
        ),
        request=CheckoutSerializer,
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                str,
                OpenApiParameter.HEADER,
                required=True,
                description="Unique in the cart, 1 to 255 characters, such as a UUID; kept for two days.",
            ),
            REPLAYED,
        ],
        responses={
            201: OpenApiResponse(OrderSerializer, description="The order, paid."),
            202: OpenApiResponse(
                OrderSerializer, description="The order awaits its payment: an action, Pix, or the bank's answer."
            ),
            **refusals(
                IdempotencyKeyRequired, PaymentDeclined, CartNotFound,
                InsufficientStock([{"sku": "CANECA-AGATA-AZUL", "requested": 2, "available": 1}]),
                PriceChanged(expected=Decimal("109.80"), total=Decimal("119.80")),
                ShippingQuoteExpired(reason="expired"), CartEmpty, CartClosed, AddressRequired, ShippingRequired,
                CheckoutInProgress, Refusal, IdempotencyKeyReused, PaymentUnavailable,
            ),
        },
        examples=[
            OpenApiExample("Card", {"payment_method": "pm_card_visa", "expected_total": "109.80"}, request_only=True),
            OpenApiExample("Pix", {"payment_method": "pix", "expected_total": "109.80"}, request_only=True),
        ],
        tags=["checkout"],
    )  # fmt: skip
    def post(self, request: Request, id: str) -> Any:  # noqa: A002  the contract's own name
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            raise IdempotencyKeyRequired
        wish = read_body(CheckoutSerializer, request)
        command = PlaceOrder(
            cart_token=id,
            payment_method=wish["payment_method"],
            expected_total=wish["expected_total"],
            language=get_language() or "pt-br",
            user_id=user_id_of(request),
        )
        answer = place_once(command, key, RENDER)
        headers = {"Idempotent-Replayed": "true"} if answer.replayed else {}
        if answer.status >= status.HTTP_400_BAD_REQUEST:
            return problem_response(answer.body, headers)
        return Response(answer.body, status=answer.status, headers=headers)


def _order_answer(order: Order) -> Answer:
    code = status.HTTP_201_CREATED if order.status == OrderStatus.PAID else status.HTTP_202_ACCEPTED
    return Answer(code, document(OrderSerializer, order))


def _declined_answer(refusal: PaymentDeclined) -> Answer:
    return Answer(refusal.status, problem_of(refusal))


RENDER = Render(placed=_order_answer, declined=_declined_answer, form="json")


class Orders(ListAPIView[Order], PrivateView):
    permission_classes = (IsAuthenticated,)
    serializer_class = OrderSerializer
    pagination_class = OrderPages

    @extend_schema(
        operation_id="orders_list",
        summary="My orders",
        description="The orders of whoever is signed in, newest first.",
        responses={200: OrderSerializer(many=True), **refusals(NotFound)},
        tags=["orders"],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> OrderQuerySet:
        return Order.objects.of_user(self.request.user.pk or 0).with_everything()


class OrderDetail(PrivateView):
    @extend_schema(
        operation_id="orders_retrieve",
        summary="One order",
        description="Opens to its owner, signed in, and to whoever sends its token.",
        parameters=[
            OpenApiParameter(
                "Order-Token", str, OpenApiParameter.HEADER, description="The order's `token`, for guests."
            )
        ],
        responses={200: OrderSerializer, **refusals(OrderNotFound)},
        tags=["orders"],
    )
    def get(self, request: Request, number: str) -> Response:
        order = Order.objects.fetch(number, token=request.headers.get("Order-Token", ""), user_id=user_id_of(request))
        return Response(document(OrderSerializer, order))


urlpatterns = [
    path("carts/<cart_id:id>/checkout/", Checkout.as_view(), name="checkout"),
    path("orders/", Orders.as_view(), name="orders"),
    path("orders/<order_number:number>/", OrderDetail.as_view(), name="order"),
]
