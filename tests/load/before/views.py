"""One function per step, in the order of a purchase."""

from datetime import timedelta
from typing import Any

from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from cart.models import Cart, CartLine
from checkout.models import Order
from inventory.models import Product
from shipping.models import Quote
from tests.load.before import outside
from tests.load.before.documents import available, cart_document, order_document, product_document
from tests.load.before.place_order import place_order

PAGE_SIZE = 24


@api_view(["GET"])
def products(request: Request) -> Response:
    pages = Paginator(Product.objects.filter(active=True).select_related("category"), PAGE_SIZE)
    page = pages.page(request.query_params.get("page", 1))
    return Response(
        {
            "count": pages.count,
            "next": page.has_next(),
            "previous": page.has_previous(),
            "results": [product_document(product) for product in page.object_list],
        }
    )


@api_view(["GET"])
def product(request: Request, sku: str) -> Response:
    return Response(product_document(get_object_or_404(Product, sku=sku, active=True)))


@api_view(["POST"])
def new_cart(request: Request) -> Response:
    cart = Cart.objects.create()
    request.session["cart"] = cart.token
    return Response(cart_document(cart), status=201)


@api_view(["GET"])
def cart(request: Request, token: str) -> Response:
    return Response(cart_document(_cart_of(request, token)))


@api_view(["POST"])
def add_line(request: Request, token: str) -> Response:
    cart = _cart_of(request, token)
    product = get_object_or_404(Product, sku=request.data["sku"], active=True)
    line = cart.lines.filter(product=product).first()
    if line is None:
        line = CartLine(cart=cart, product=product, quantity=0, position=cart.lines.count())
    line.quantity += request.data["quantity"]
    if available(product) < line.quantity:
        return _refused("insufficient_stock", 409)
    line.save()
    _touch(cart)
    return Response(cart_document(cart), status=201)


@api_view(["PUT"])
def delivery(request: Request, token: str) -> Response:
    cart = _cart_of(request, token)
    address = dict(request.data["address"])
    cart.street_number = address.pop("number")
    for column, value in address.items():
        setattr(cart, column, value)
    cart.email, cart.phone = request.data["email"], request.data.get("phone", "")
    _touch(cart)
    return Response(cart_document(cart))


@api_view(["GET"])
def shipping_options(request: Request, token: str) -> Response:
    rates = outside.shipping_rates(_cart_of(request, token))
    return Response({"options": [{**rate, "price": f"{rate['price']:.2f}"} for rate in rates]})


@api_view(["PUT"])
def choose_shipping(request: Request, token: str) -> Response:
    cart = _cart_of(request, token)
    rates = {rate["code"]: rate for rate in outside.shipping_rates(cart)}
    chosen = rates.get(request.data["code"])
    if chosen is None:
        return _refused("shipping_unavailable", 409)
    now = timezone.now()
    cart.quote = Quote.objects.create(
        reference=cart.token,
        method_code=chosen["code"],
        method_name=chosen["name"],
        price=chosen["price"],
        currency=cart.currency,
        min_days=chosen["min_days"],
        max_days=chosen["max_days"],
        postal_code=cart.postal_code,
        created_at=now,
        expires_at=now + timedelta(days=1),
    )
    _touch(cart)
    return Response(cart_document(cart))


@api_view(["POST"])
def checkout(request: Request, token: str) -> Response:
    cart = _cart_of(request, token)
    order = place_order(cart, request.data["payment_method"])
    if order is None:
        return _refused("insufficient_stock", 409)
    request.session.pop("cart", None)
    return Response(order_document(order), status=201)


@api_view(["GET"])
def order(request: Request, number: str) -> Response:
    found = get_object_or_404(Order, number=number, token=request.headers.get("Order-Token", ""))
    return Response(order_document(found))


def _cart_of(request: Request, token: str) -> Cart:
    """The cart, stored in the session as this browser's."""
    cart = get_object_or_404(Cart, token=token)
    if request.session.get("cart") not in (None, token):
        request.session["cart"] = token
    return cart


def _touch(cart: Cart) -> None:
    cart.version += 1
    cart.save()


def _refused(code: str, status: int) -> Response:
    document: dict[str, Any] = {"code": code}
    return Response(document, status=status)
