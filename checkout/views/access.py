"""Who may open an order's pages."""

from django.http import Http404, HttpRequest

from cart.session import user_id_of
from checkout.exceptions import OrderNotFound
from checkout.models import Order


def fetch_order(request: HttpRequest, number: str) -> Order:
    """The order, with everything, for its owner or whoever has its token. Raises Http404 for anyone else."""
    try:
        return Order.objects.fetch(number, token=request.GET.get("token", ""), user_id=user_id_of(request))
    except OrderNotFound as refusal:
        raise Http404(str(refusal)) from None
