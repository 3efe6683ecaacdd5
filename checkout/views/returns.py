"""The page where a shopper gives goods back."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from checkout import returns
from checkout.forms import ReturnForm
from checkout.models import Order
from checkout.return_terms import terms_of
from checkout.views.access import fetch_order
from config.exceptions import Refusal


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def give_back(request: HttpRequest, number: str) -> HttpResponse:
    """Asks which units, then records them. Sending it twice records them once."""
    order = fetch_order(request, number)
    if request.method == "POST" and _is_recorded(order, request.POST.get("key", "")):
        return _to_order(request, order)
    terms = terms_of(order)
    form = ReturnForm(request.POST or None, lines=order.sold, returnable=terms.units)
    if request.method == "POST" and form.is_valid():
        cleaned = form.cleaned_data
        try:
            asked = returns.ask_return(order, form.units(), cleaned["reason"], key=cleaned["key"])
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            told = _("We have received it under the number %(number)s, and confirm it by e-mail.")
            messages.success(request, told % {"number": asked.number})
            return _to_order(request, order)
    context = {"order": order, "form": form, "terms": terms, "token": request.GET.get("token", "")}
    return render(request, "checkout/return.html", context, status=422 if form.errors else 200)


def _is_recorded(order: Order, key: str) -> bool:
    return any(str(asked.pk) == key for asked in order.return_requests)


def _to_order(request: HttpRequest, order: Order) -> HttpResponseRedirect:
    page, token = reverse("checkout:order", args=[order.number]), request.GET.get("token", "")
    return redirect(f"{page}?{urlencode({'token': token})}" if token else page)
