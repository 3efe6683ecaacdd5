"""The home page's order search: a single match opens directly."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from checkout.models import Order
from config.backoffice.site import page


@page("find_order", permission="checkout.view_order", route="find-order/")
def find_order(request: HttpRequest) -> HttpResponse:
    """Redirects to the order's page if exactly one matches, otherwise to the list of matches."""
    text = request.GET.get("q", "").strip()
    found = list(Order.objects.order_by().search(text).values_list("pk", flat=True)[:2]) if text else []
    if len(found) == 1:
        return HttpResponseRedirect(reverse("admin:checkout_order_change", args=found))
    return HttpResponseRedirect(f"{reverse('admin:checkout_order_changelist')}?{urlencode({'q': text})}")
