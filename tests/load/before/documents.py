"""Models as JSON. Each document queries its data item by item."""

from typing import Any

from cart.models import Cart
from checkout.models import Order
from inventory.models import Product


def available(product: Product) -> int:
    return sum(stock.on_hand - stock.reserved for stock in product.stocks.filter(warehouse__active=True))


def product_document(product: Product) -> dict[str, Any]:
    return {
        "sku": product.sku,
        "slug": product.slug,
        "name": product.name,
        "description": product.description,
        "price": f"{product.price:.2f}",
        "currency": product.currency,
        "available": available(product) > 0,
        "image": product.picture_url,
    }


def cart_document(cart: Cart) -> dict[str, Any]:
    subtotal, lines = 0, []
    for line in cart.lines.order_by("position"):
        line_total = line.product.price * line.quantity
        subtotal += line_total
        lines.append(
            {
                "sku": line.product.sku,
                "name": line.product.name,
                "quantity": line.quantity,
                "unit_price": f"{line.product.price:.2f}",
                "line_total": f"{line_total:.2f}",
                "available": available(line.product) >= line.quantity,
            }
        )
    freight = cart.quote.price if cart.quote else 0
    return {
        "id": cart.token,
        "version": cart.version,
        "currency": cart.currency,
        "status": cart.status,
        "lines": lines,
        "email": cart.email,
        "address": cart.address_columns() if cart.street else None,
        "shipping": shipping_document(cart) if cart.quote else None,
        "subtotal": f"{subtotal:.2f}",
        "shipping_total": f"{freight:.2f}",
        "total": f"{subtotal + freight:.2f}",
        "expires_at": cart.expires_at.isoformat(),
    }


def shipping_document(document: Cart | Order) -> dict[str, Any]:
    assert document.quote is not None
    quote = document.quote
    return {"code": quote.method_code, "name": quote.method_name, "price": f"{quote.price:.2f}"}


def order_document(order: Order) -> dict[str, Any]:
    return {
        "number": order.number,
        "token": order.token,
        "status": order.status,
        "currency": order.currency,
        "placed_at": order.placed_at.isoformat(),
        "lines": [
            {
                "sku": line.product.sku,
                "name": line.name,
                "quantity": line.quantity,
                "unit_price": f"{line.unit_price:.2f}",
                "line_total": f"{line.line_total:.2f}",
            }
            for line in order.lines.all()
        ],
        "email": order.email,
        "address": order.address_columns(),
        "shipping": shipping_document(order),
        "subtotal": f"{order.subtotal:.2f}",
        "shipping_total": f"{order.shipping_total:.2f}",
        "total": f"{order.total:.2f}",
        "payment": {"status": order.payment.status, "method": order.payment.method, "action": None},
    }
