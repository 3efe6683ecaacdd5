"""The order pages: status and pending payment, the list of a user's orders, and finding an order."""

from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from cart.session import show_ordered
from checkout import ask_provider
from checkout.forms import FindOrderForm
from checkout.models import Order, OrderStatus
from checkout.settle import cancel_pending_payment
from checkout.views.access import fetch_order
from config.exceptions import Refusal
from config.rate_limits import limited
from payments.models import AttemptStatus

# The order page polls every two seconds; the provider is asked at most this often.
ASK_PROVIDER_EVERY_SECONDS = 10
ORDERS_PER_PAGE = 20


def order_path(order: Order, *, placed_now: bool = False) -> str:
    """The path of the order's page. Right after placing it, the page forwards to the bank if the bank requires it."""
    query = {"token": order.token, **({"forward": "1"} if placed_now and state_of(order) == "bank" else {})}
    return f"{reverse('checkout:order', args=[order.number])}?{urlencode(query)}"


def state_of(order: Order) -> str:
    """The state that the order's page shows: its status or, while it awaits payment, `pix`, `bank` or `unknown`."""
    if order.status != OrderStatus.AWAITING_PAYMENT:
        return order.status
    attempt = order.current_attempt
    if attempt and attempt.status == AttemptStatus.ACTION and attempt.action:
        return "pix" if attempt.action["type"] == "pix" else "bank"
    return "unknown"


def _refreshed(order: Order) -> Order:
    """The order after a lookup at the provider, unless there was one in the last ASK_PROVIDER_EVERY_SECONDS."""
    attempt = order.current_attempt
    if order.status != OrderStatus.AWAITING_PAYMENT or attempt is None:
        return order
    # None if Redis is down: then look up anyway, which is harmless.
    if cache.add(f"asked:{attempt.pk}", 1, ASK_PROVIDER_EVERY_SECONDS) is False:
        return order
    return ask_provider.refresh(order)


@require_safe
@never_cache
def order(request: HttpRequest, number: str) -> HttpResponse:
    found = fetch_order(request, number)
    if found.status == OrderStatus.PAID:
        show_ordered(request, vars(found)["cart_token"])
    attempt = found.current_attempt
    return render(
        request,
        "checkout/order.html",
        {
            "order": found,
            "state": state_of(found),
            "action": attempt.action if attempt else None,
            "pix_expires_at": attempt.expires_at if attempt else None,
            "forward": "forward" in request.GET,
            "token": request.GET.get("token", ""),
        },
    )


@require_safe
@never_cache
def progress(request: HttpRequest, number: str) -> HttpResponse:
    """Polled by the order's page: 204 while its state is unchanged, else tells it to reload."""
    found = _refreshed(fetch_order(request, number))
    if state_of(found) == request.GET.get("was"):
        return HttpResponse(status=204)
    return HttpResponseClientRefresh()


@require_safe
@never_cache
@limited("reads", safe_too=True)  # it asks the provider
def return_from_bank(request: HttpRequest, number: str) -> HttpResponse:
    """Where the bank returns the shopper, whatever the outcome."""
    found = ask_provider.refresh(fetch_order(request, number))
    if found.status == OrderStatus.CANCELLED:
        messages.error(
            request,
            _("Your bank did not confirm the payment. Nothing was charged. Try again, or pay with Pix."),
        )
        return redirect("checkout:checkout")
    return redirect(order_path(found))


@require_POST
@limited("checkout")
def another_way(request: HttpRequest, number: str) -> HttpResponse:
    """Void a payment that waits for the shopper, so that they can choose another method."""
    found = fetch_order(request, number)
    try:
        cancel_pending_payment(found.cart.token, found.cart.user_id)
    except Refusal as refusal:
        messages.warning(request, str(refusal))
        return redirect(order_path(found))
    return redirect("checkout:checkout")


@require_safe
@never_cache
@login_required
def orders(request: HttpRequest) -> HttpResponse:
    pages = Paginator(Order.objects.of_user(request.user.pk or 0).with_lines(), ORDERS_PER_PAGE)
    return render(request, "checkout/orders.html", {"page": pages.get_page(request.GET.get("page"))})


@never_cache
@limited("find_order")
def find_order(request: HttpRequest) -> HttpResponse:
    """Open the order's page with its number and its e-mail."""
    form = FindOrderForm(request.POST or None)
    if form.is_valid():
        found = Order.objects.find(form.cleaned_data["number"], form.cleaned_data["email"])
        if found:
            return redirect(order_path(found))
        form.add_error(
            None, _("We could not find an order with this number and e-mail. Please check both in your confirmation.")
        )
    return render(request, "checkout/find_order.html", {"form": form}, status=422 if form.errors else 200)
