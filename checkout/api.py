"""The REST API of the checkout: place an order, read orders."""

from decimal import Decimal
from typing import Any

from django.conf import settings
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
from checkout import returns
from checkout.exceptions import (
    CardsClosed,
    IdempotencyKeyInvalid,
    IdempotencyKeyRequired,
    IdempotencyKeyReused,
    OrderNotFound,
    PaymentDeclined,
    PriceChanged,
    ReturnNotPossible,
    TooMuchUnpaid,
)
from checkout.idempotency import Answer
from checkout.models import (
    MAX_REASON_LENGTH,
    Order,
    OrderQuerySet,
    OrderStatus,
    ReturnStatus,
    ShipmentStatus,
    load_parcels,
    load_returns,
)
from checkout.place_once import Render, place_once
from checkout.place_order import PlaceOrder
from config.api.conditional import IF_NONE_MATCH, NOT_MODIFIED, ConditionalView
from config.api.fields import (
    Input,
    Moment,
    Money,
    Output,
    PrivateView,
    Text,
    WholeNumber,
    document,
    read_body,
    user_id_of,
)
from config.api.problems import problem_of, problem_response
from config.api.schema import refusals
from config.exceptions import NotFound, Refusal
from config.rate_limits import network_of, requester
from inventory.exceptions import InsufficientStock
from payments import services as payments
from payments.exceptions import InvalidPaymentMethod, PaymentUnavailable
from payments.models import AttemptStatus, PaymentMethod, PaymentStatus, RefundStatus
from shipping.documents import AddressSerializer, ChosenShippingSerializer
from shipping.exceptions import ShippingQuoteExpired, ShippingRequired

MAX_RETURNED_UNITS = 10_000

# --- Requests ---------------------------------------------------------------------------------------------------------


class CheckoutSerializer(Input):
    payment_method = Text(max_length=255, help_text="The provider's token, such as `pm_card_visa`, or `pix`.")
    expected_total = Money(help_text="The cart's `total` that the shopper agreed to. A lower current total is charged.")

    def validate_payment_method(self, value: str) -> str:
        try:
            return payments.check_method_token(value)
        except InvalidPaymentMethod as refusal:
            raise serializers.ValidationError(str(refusal)) from refusal


class ReturnUnitsInput(Input):
    sku = Text(max_length=64)
    quantity = WholeNumber(min_value=1, max_value=MAX_RETURNED_UNITS)


class ReturnInput(Input):
    lines = serializers.ListField(child=ReturnUnitsInput(), allow_empty=False, max_length=settings.MAX_CART_LINES)
    reason = Text(max_length=MAX_REASON_LENGTH, required=False, allow_blank=True, default="")

    def validate_lines(self, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len({line["sku"] for line in value}) < len(value):
            raise serializers.ValidationError(_("Name each product once."))
        return value


# --- Responses --------------------------------------------------------------------------------------------------------


class PaymentProgress(models.TextChoices):
    """The state of an order's payment, as apps see it."""

    PENDING = "pending", _("the bank has not answered yet; do not repeat the payment")
    AWAITING_ACTION = "awaiting_action", _("the shopper must complete `action`")
    PAID = "paid", _("the payment was received")
    DECLINED = "declined", _("the bank declined; nothing was charged")
    CANCELLED = "cancelled", _("cancelled; nothing was charged")
    PARTIALLY_REFUNDED = "partially_refunded", _("part of the money was refunded")
    REFUNDED = "refunded", _("all of the money was refunded")
    DISPUTED = "disputed", _("the shopper's bank has asked for the money back, or has taken it back")


class RefundProgress(models.TextChoices):
    """The state of a refund, as apps see it."""

    PENDING = "pending", _("on its way; it may take some days")
    SUCCEEDED = "succeeded", _("paid back")
    FAILED = "failed", _("did not go through; the shop sends the money another way")


_FROM_REFUND = {
    RefundStatus.STARTED: RefundProgress.PENDING,
    RefundStatus.UNKNOWN: RefundProgress.PENDING,
    RefundStatus.PENDING: RefundProgress.PENDING,
    RefundStatus.SUCCEEDED: RefundProgress.SUCCEEDED,
    RefundStatus.FAILED: RefundProgress.FAILED,
}


_FROM_PAYMENT = {
    PaymentStatus.PENDING: PaymentProgress.PENDING,
    PaymentStatus.PAID: PaymentProgress.PAID,
    PaymentStatus.FAILED: PaymentProgress.DECLINED,
    PaymentStatus.CANCELLED: PaymentProgress.CANCELLED,
    PaymentStatus.PARTIALLY_REFUNDED: PaymentProgress.PARTIALLY_REFUNDED,
    PaymentStatus.REFUNDED: PaymentProgress.REFUNDED,
    PaymentStatus.DISPUTED: PaymentProgress.DISPUTED,
}


class ActionSerializer(Output[Any]):
    """`redirect`: open `url`. `pix`: pay `qr_code`, the QR code's copy-and-paste text, before `expires_at`."""

    type = serializers.ChoiceField([("redirect", "redirect"), ("pix", "pix")])
    url = serializers.CharField(required=False, help_text="With `redirect`.")
    qr_code = serializers.CharField(required=False, help_text="With `pix`.")
    expires_at = serializers.CharField(required=False, help_text="With `pix`: RFC 3339 in UTC.")


class PaymentSerializer(Output[Any]):
    status = serializers.ChoiceField(PaymentProgress.choices)
    method = serializers.ChoiceField(PaymentMethod.choices)
    action = ActionSerializer(allow_null=True)


class RefundSerializer(Output[Any]):
    amount = Money()
    status = serializers.ChoiceField(RefundProgress.choices)
    at = Moment(help_text="When the refund was begun.")


class PackedUnitsSerializer(Output[Any]):
    sku = serializers.CharField()
    quantity = serializers.IntegerField()


class TrackingEventSerializer(Output[Any]):
    at = Moment()
    status = serializers.ChoiceField(ShipmentStatus.choices)
    text = serializers.CharField(source="shopper_text", help_text="In the carrier's words, or in ours if it has none.")


class ShipmentSerializer(Output[Any]):
    """A parcel that has left."""

    carrier = serializers.CharField(help_text="Empty if it was not recorded, as are the three below.")
    service = serializers.CharField()
    tracking_code = serializers.CharField()
    tracking_url = serializers.CharField(help_text="The carrier's page of this parcel.")
    status = serializers.ChoiceField(ShipmentStatus.choices)
    posted_at = Moment()
    delivered_at = Moment(allow_null=True)
    lines = PackedUnitsSerializer(many=True, source="contents")
    events = TrackingEventSerializer(many=True, help_text="Oldest first.")


class ReturnSerializer(Output[Any]):
    """Goods that the shopper gives back."""

    number = serializers.CharField()
    status = serializers.ChoiceField(ReturnStatus.choices)
    by_right = serializers.BooleanField(
        help_text="Asked for in time, so it is accepted as it is; otherwise the shop decides, and answers by e-mail."
    )
    deadline = Moment(
        source="right_until",
        allow_null=True,
        help_text="The end of the right of withdrawal, seven days after delivery; null before that.",
    )
    asked_at = Moment()
    lines = PackedUnitsSerializer(many=True, source="contents")
    reason = serializers.CharField()
    answer = serializers.CharField(help_text="What the shop wrote, such as how to send the goods; may be empty.")


class OrderLineSerializer(Output[Any]):
    sku = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_price = Money()
    line_total = Money()


# Reads what `with_everything` has loaded, or what `place_order` has returned.
class OrderSerializer(Output[Order]):
    number = serializers.CharField()
    token = serializers.CharField(help_text="Gives guests access to the order, sent as `Order-Token`. Keep it secret.")
    status = serializers.ChoiceField(OrderStatus.choices)
    currency = serializers.CharField(help_text="ISO 4217; applies to every amount in this document.")
    placed_at = Moment()
    lines = OrderLineSerializer(many=True)
    email = serializers.CharField()
    tax_id = serializers.CharField(help_text="The recipient's CPF or CNPJ, masked; empty if there is none.")
    address = AddressSerializer()
    shipping = ChosenShippingSerializer()
    subtotal = Money()
    shipping_total = Money()
    total = Money()
    payment = PaymentSerializer()
    refunds = RefundSerializer(many=True)
    shipments = ShipmentSerializer(many=True, help_text="The parcels, oldest first; an order may have several.")
    returns = ReturnSerializer(many=True, help_text="What the shopper gives back, oldest first.")

    def to_representation(self, instance: Order) -> dict[str, Any]:
        """Combine the order's own columns with data from related rows."""
        columns = {name: getattr(instance, name) for name in _OWN_COLUMNS}
        related = {
            "status": instance.shown_status,
            "lines": instance.sold,
            "tax_id": instance.masked_tax_id,
            "shipping": {
                "code": instance.quote.method_code,
                "name": instance.quote.name,
                "price": instance.shipping_total,
            },
            "payment": _payment_facts(instance),
            "refunds": [
                {"amount": made.amount, "status": _FROM_REFUND[made.status], "at": made.at} for made in instance.refunds
            ],
            "shipments": instance.parcels,
            "returns": instance.return_requests,
        }
        document: dict[str, Any] = super().to_representation(columns | related)
        return document


_OWN_COLUMNS = (
    "number", "token", "currency", "placed_at", "email", "address", "subtotal", "shipping_total", "total",
)  # fmt: skip


def _payment_facts(order: Order) -> dict[str, Any]:
    attempt = order.current_attempt
    awaits_action = attempt is not None and attempt.status == AttemptStatus.ACTION
    progress = _FROM_PAYMENT[PaymentStatus(order.payment.status)]
    return {
        "status": PaymentProgress.AWAITING_ACTION if awaits_action else progress,
        "method": order.payment.method,
        "action": attempt.action if attempt is not None and awaits_action else None,
    }


class OrderPages(PageNumberPagination):
    page_size = 20


# --- Views ------------------------------------------------------------------------------------------------------------

REPLAYED = OpenApiParameter(
    "Idempotent-Replayed",
    str,
    OpenApiParameter.HEADER,
    enum=["true"],
    description="Present if this is the stored first answer to the same key.",
    response=[201, 202, 402],
)


class Checkout(PrivateView):
    throttle_scope = "checkout"

    @extend_schema(
        operation_id="carts_checkout_create",
        summary="Place an order and pay for it",
        description=(
            "Send a new `Idempotency-Key` each time the shopper decides to pay, and the same key when you retry a "
            "request whose answer was lost: you get the first answer again, and nothing is charged twice.\n\n"
            "After `payment_declined` the cart is unchanged; use a new key for the next card. After several of them, "
            "`cards_closed` names in `methods` what is open. On 202, follow `payment.action`, or poll the order.\n\n"
            "Orders that wait to be paid (Pix, 3-D Secure) hold a bounded share of the stock. Beyond it, "
            "`payment_unavailable` names in `methods` what is open."
        ),
        request=CheckoutSerializer,
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                str,
                OpenApiParameter.HEADER,
                required=True,
                description="Unique per cart, 1 to 255 characters, such as a UUID; kept for two days.",
            ),
            REPLAYED,
        ],
        responses={
            201: OpenApiResponse(OrderSerializer, description="The paid order."),
            202: OpenApiResponse(
                OrderSerializer, description="The order awaits payment: a shopper's action, Pix, or the bank's answer."
            ),
            **refusals(
                IdempotencyKeyRequired, IdempotencyKeyInvalid, PaymentDeclined, CartNotFound,
                InsufficientStock([{"sku": "CANECA-AGATA-AZUL", "requested": 2, "available": 1}]),
                PriceChanged(expected=Decimal("109.80"), total=Decimal("119.80")),
                ShippingQuoteExpired(reason="expired"), CartEmpty, CartClosed, AddressRequired, ShippingRequired,
                CheckoutInProgress, CardsClosed(retry_after=86_400), Refusal, IdempotencyKeyReused, PaymentUnavailable,
                TooMuchUnpaid(methods=[PaymentMethod.CARD.value]),
            ),
        },
        examples=[
            OpenApiExample("Card", {"payment_method": "pm_card_visa", "expected_total": "109.80"}, request_only=True),
            OpenApiExample("Pix", {"payment_method": "pix", "expected_total": "109.80"}, request_only=True),
        ],
        tags=["checkout"],
    )  # fmt: skip
    def post(self, request: Request, id: str) -> Any:  # noqa: A002  the name in the API contract
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            raise IdempotencyKeyRequired
        body = read_body(CheckoutSerializer, request)
        command = PlaceOrder(
            cart_token=id,
            payment_method=body["payment_method"],
            expected_total=body["expected_total"],
            language=get_language() or "pt-br",
            user_id=user_id_of(request),
            network=network_of(request),
            requester=requester(request),
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


class Orders(ConditionalView, ListAPIView[Order], PrivateView):
    permission_classes = (IsAuthenticated,)
    serializer_class = OrderSerializer
    pagination_class = OrderPages

    @extend_schema(
        operation_id="orders_list",
        summary="My orders",
        description="The orders of the signed-in user, newest first.",
        parameters=IF_NONE_MATCH,
        responses={200: OrderSerializer(many=True), **NOT_MODIFIED, **refusals(NotFound)},
        tags=["orders"],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> OrderQuerySet:
        return Order.objects.of_user(self.request.user.pk or 0).with_everything()

    def paginate_queryset(self, queryset: Any) -> Any:
        page = super().paginate_queryset(queryset)
        load_parcels(page or [])
        load_returns(page or [])
        return page


ORDER_TOKEN = OpenApiParameter(
    "Order-Token", str, OpenApiParameter.HEADER, description="The order's `token`, for guests."
)


def _fetch(request: Request, number: str) -> Order:
    return Order.objects.fetch(number, token=request.headers.get("Order-Token", ""), user_id=user_id_of(request))


class OrderDetail(ConditionalView, PrivateView):
    @extend_schema(
        operation_id="orders_retrieve",
        summary="One order",
        description="For the signed-in owner, or anyone who sends the order's token.",
        parameters=[ORDER_TOKEN, *IF_NONE_MATCH],
        responses={200: OrderSerializer, **NOT_MODIFIED, **refusals(OrderNotFound)},
        tags=["orders"],
    )
    def get(self, request: Request, number: str) -> Response:
        return Response(document(OrderSerializer, _fetch(request, number)))


class Returns(PrivateView):
    @extend_schema(
        operation_id="orders_returns_create",
        summary="Give goods back",
        description=(
            "Withdraw from the purchase of some lines or of all, before delivery or until the end of the seventh day "
            "after it; later it is a request that the shop decides. Acknowledged by e-mail. For the signed-in owner, "
            "or anyone who sends the order's token.\n\n"
            "Send the same `Idempotency-Key` when you retry a request whose answer was lost: the return is recorded "
            "once, and you get it as it is now."
        ),
        request=ReturnInput,
        parameters=[
            ORDER_TOKEN,
            OpenApiParameter(
                "Idempotency-Key",
                str,
                OpenApiParameter.HEADER,
                description="Unique per order, 1 to 255 characters, such as a UUID.",
            ),
        ],
        responses={
            201: ReturnSerializer,
            **refusals(
                OrderNotFound,
                IdempotencyKeyInvalid,
                IdempotencyKeyReused,
                ReturnNotPossible(reason="too_many"),
                Refusal,
            ),
        },
        examples=[
            OpenApiExample(
                "One of two",
                {"lines": [{"sku": "CANECA-AGATA-AZUL", "quantity": 1}], "reason": "Too small"},
                request_only=True,
            )
        ],
        tags=["orders"],
    )
    def post(self, request: Request, number: str) -> Response:
        order = _fetch(request, number)
        body = read_body(ReturnInput, request)
        key = request.headers.get("Idempotency-Key", "")
        wanted = {line["sku"]: line["quantity"] for line in body["lines"]}
        asked = returns.ask_return_by_sku(order, wanted, body["reason"], key=key)
        return Response(document(ReturnSerializer, asked), status=status.HTTP_201_CREATED)


urlpatterns = [
    path("carts/<cart_id:id>/checkout/", Checkout.as_view(), name="checkout"),
    path("orders/", Orders.as_view(), name="orders"),
    path("orders/<order_number:number>/", OrderDetail.as_view(), name="order"),
    path("orders/<order_number:number>/returns/", Returns.as_view(), name="returns"),
]
