"""Who may open an order's pages."""

from collections.abc import Callable

from django.http import Http404, HttpRequest

from cart.session import user_id_of
from checkout.exceptions import OrderNotFound
from checkout.models import Order


def fetch_order(request: HttpRequest, number: str) -> Order:
    """The order, with everything, for its owner or whoever has its token. Raises Http404 for anyone else."""
    return _opened(Order.objects.fetch, request, number)


def fetch_bare_order(request: HttpRequest, number: str) -> Order:
    """The same in one statement, without lines, attempts and parcels."""
    return _opened(Order.objects.fetch_bare, request, number)


def _opened(fetch: Callable[..., Order], request: HttpRequest, number: str) -> Order:
    try:
        return fetch(number, token=request.GET.get("token", ""), user_id=user_id_of(request))
    except OrderNotFound as refusal:
        raise Http404(str(refusal)) from None
