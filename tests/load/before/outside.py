"""Carrier, payment provider and mail server, called while the shopper waits; their errors fail the request."""

from decimal import Decimal
from typing import Any

import requests
import stripe
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from cart.models import Cart
from checkout import links
from checkout.metrics import checkout_stage
from checkout.models import Order
from config.money import to_minor_units

PATIENCE_SECONDS = 30


@checkout_stage("shipping")
def shipping_rates(cart: Cart) -> list[dict[str, Any]]:
    """The carrier's prices for this cart, cheapest first."""
    products = []
    for line in cart.lines.all():
        product = line.product
        products.append(
            {
                "id": str(line.id),
                "width": product.width_cm,
                "height": product.height_cm,
                "length": product.length_cm,
                "weight": product.weight_grams / 1000,
                "insurance_value": float(product.price),
                "quantity": line.quantity,
            }
        )
    answer = requests.post(
        f"{settings.MELHOR_ENVIO_API_BASE}/api/v2/me/shipment/calculate",
        json={
            "from": {"postal_code": settings.SHIPPING_FROM_POSTAL_CODE},
            "to": {"postal_code": cart.postal_code},
            "products": products,
        },
        headers={
            "Accept": "application/json",
            "Authorization": f"Bearer {settings.MELHOR_ENVIO_TOKEN}",
            "User-Agent": f"{settings.SHOP_NAME} ({settings.MELHOR_ENVIO_CONTACT})",
        },
        timeout=PATIENCE_SECONDS,
    )
    answer.raise_for_status()
    rates = [
        {
            "code": f"melhor-envio-{service['id']}",
            "name": f"{service['company']['name']} {service['name']}",
            "price": Decimal(service["custom_price"]),
            "min_days": service["delivery_range"]["min"],
            "max_days": service["delivery_range"]["max"],
        }
        for service in answer.json()
        if "error" not in service
    ]
    return sorted(rates, key=lambda rate: rate["price"])


@checkout_stage("authorize")
def charge(order: Order, payment_method: str) -> str:
    """Charge the order; returns the provider's reference. Raises stripe.StripeError."""
    stripe.api_base, stripe.api_key = settings.STRIPE_API_BASE, settings.STRIPE_SECRET_KEY
    intent = stripe.PaymentIntent.create(
        amount=to_minor_units(order.total, order.currency),
        currency=order.currency.lower(),
        payment_method=payment_method,
        allowed_payment_method_types=["card"],
        confirm=True,
        metadata={"order": order.number},
    )
    return str(intent.id)


@checkout_stage("mail")
def send_confirmation(order: Order) -> None:
    context = {"order": order, "order_url": links.order_url(order), "shop_name": settings.SHOP_NAME}
    mail = EmailMultiAlternatives(
        subject=f"Pedido {order.number} confirmado",
        body=render_to_string("checkout/email/confirmation.txt", context),
        to=[order.email],
    )
    mail.attach_alternative(render_to_string("checkout/email/confirmation.html", context), "text/html")
    mail.send()
