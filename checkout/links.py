"""Absolute addresses of an order's pages, for mails and for the provider to come back to."""

from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

from checkout.models import Order


def order_url(order: Order) -> str:
    """The order's own page, open to whoever has the link, today and tomorrow."""
    return _with_token("checkout:order", order)


def return_url(order: Order) -> str:
    """Where the provider sends the shopper after a step on its own pages (3-D Secure)."""
    return _with_token("checkout:return", order)


def _with_token(view: str, order: Order) -> str:
    path = reverse(view, args=[order.number])
    return f"{settings.SITE_URL}{path}?{urlencode({'token': order.token})}"
