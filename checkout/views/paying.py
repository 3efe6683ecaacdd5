"""The payment part of the checkout page, and resuming a purchase."""

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from cart.exceptions import AddressRequired, CartEmpty, CheckoutInProgress, CurrencyMismatch
from cart.models import CartStatus
from cart.session import current_cart, guest_token, user_id_of
from cart.snapshot import CartSnapshot
from checkout.exceptions import CardsClosed, PaymentDeclined, PriceChanged
from checkout.forms import PaymentForm
from checkout.idempotency import Answer
from checkout.models import Order
from checkout.place_once import Render, place_once
from checkout.place_order import PlaceOrder
from checkout.views.orders import order_path
from checkout.views.page import cart_changed_message, checkout_page, redirect_to_part, with_open_cart
from config.exceptions import Refusal
from config.rate_limits import limited, network_of, requester
from inventory.exceptions import InsufficientStock
from shipping.exceptions import ShippingQuoteExpired, ShippingRequired, TaxIdRequired

# How long `resume` leads to the latest order.
RESUME_WINDOW = timedelta(hours=1)


@never_cache
@limited("checkout")
@with_open_cart
def pay(request: HttpRequest, cart: CartSnapshot) -> HttpResponse:
    if request.method != "POST":
        return redirect("checkout:checkout")
    form = PaymentForm(request.POST)
    if not form.is_valid():
        return checkout_page(request, cart, payment_form=form, status=422)
    if form.cleaned_data["cart"] != cart.id:
        # The page shows another cart (an old tab): never order what the shopper does not see.
        messages.warning(request, _("This page was out of date. Nothing was charged. Here is your cart as it is now."))
        return redirect("checkout:checkout")
    return _pay(request, cart, form)


def _pay(request: HttpRequest, cart: CartSnapshot, form: PaymentForm) -> HttpResponse:
    command = PlaceOrder(
        cart_token=cart.id,
        payment_method=form.token,
        expected_total=form.cleaned_data["expected_total"],
        language=get_language() or settings.LANGUAGE_CODE,
        user_id=user_id_of(request),
        network=network_of(request),
        requester=requester(request),
    )
    try:
        answer = place_once(command, str(form.cleaned_data["idempotency_key"]), RENDER)
    except CheckoutInProgress:
        # A double submit: the first request may not have created its order yet, so there may be no order page.
        return render(request, "checkout/in_progress.html", status=202)
    except Refusal as refusal:
        return _refused(request, form, refusal)
    if answer.status == 402:
        form.add_error("method", PaymentDeclined.message)
        vars(request).pop("_cart", None)  # it may have been the last card
        return checkout_page(request, current_cart(request) or cart, payment_form=form, status=402, declined=True)
    return redirect(answer.body["url"])


def _placed(order: Order) -> Answer:
    return Answer(303, {"url": order_path(order, placed_now=True)})


def _declined(refusal: PaymentDeclined) -> Answer:
    return Answer(402, {"message": str(refusal)})


RENDER = Render(placed=_placed, declined=_declined)


def _refused(request: HttpRequest, form: PaymentForm, refusal: Refusal) -> HttpResponse:
    """Show the part where the shopper can fix a refusal, with everything they typed. Nothing was charged."""
    vars(request).pop("_cart", None)
    cart = current_cart(request)
    if cart is None or isinstance(refusal, CartEmpty | InsufficientStock | CurrencyMismatch):
        messages.warning(request, str(refusal) if isinstance(refusal, CurrencyMismatch) else cart_changed_message())
        return redirect("cart:cart")
    if isinstance(refusal, ShippingQuoteExpired | ShippingRequired):
        messages.warning(request, str(refusal))
        return redirect_to_part("delivery", edit="delivery")
    if isinstance(refusal, AddressRequired | TaxIdRequired):
        return redirect_to_part("contact", edit="contact")
    if isinstance(refusal, PriceChanged):
        return checkout_page(
            request, cart, status=409, price_changed=True, previous_total=form.cleaned_data["expected_total"]
        )
    form.add_error("method", str(refusal))
    page = checkout_page(
        request,
        cart,
        payment_form=form,
        method=_method_open(refusal),
        status=refusal.status,
        cards_closed=cart.cards_closed or isinstance(refusal, CardsClosed),
    )
    if "retry_after" in refusal.details:
        page["Retry-After"] = str(refusal.details["retry_after"])
    return page


def _method_open(refusal: Refusal) -> str:
    """The method that a refusal leaves open, to be chosen for the shopper; empty if it says nothing of methods."""
    methods = refusal.details.get("methods")
    return str(methods[0]) if isinstance(methods, list) and methods else ""


@require_safe
@never_cache
def resume(request: HttpRequest) -> HttpResponse:
    """Redirect to this browser's purchase: the checkout, the order being paid or just placed, or the cart."""
    cart = current_cart(request)
    if cart is not None and cart.status == CartStatus.OPEN:
        return redirect("checkout:checkout" if cart.lines else "cart:cart")
    found = _latest_order(request, cart)
    return redirect(order_path(found)) if found else redirect("cart:cart")


def _latest_order(request: HttpRequest, cart: CartSnapshot | None) -> Order | None:
    since = timezone.now() - RESUME_WINDOW
    if cart is None and request.user.is_authenticated:
        return Order.objects.latest_since(since, user_id=request.user.pk)
    return Order.objects.latest_since(since, cart_token=cart.id if cart else guest_token(request))
