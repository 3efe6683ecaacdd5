"""Absolute URLs of an order's pages, for mails and for the provider's redirects."""

from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

from checkout.models import Order


def order_url(order: Order) -> str:
    """The order's page. The link carries the order's token, so it opens without signing in and does not expire."""
    return _with_token("checkout:order", order)


def return_url(order: Order) -> str:
    """Where the provider returns the shopper after a step on its own pages (3-D Secure)."""
    return _with_token("checkout:return", order)


def staff_url(order: Order) -> str:
    """The order's page in the back office."""
    return f"{settings.SITE_URL}{reverse('admin:checkout_order_by_number', args=[order.number])}"


def _with_token(view: str, order: Order) -> str:
    path = reverse(view, args=[order.number])
    return f"{settings.SITE_URL}{path}?{urlencode({'token': order.token})}"
