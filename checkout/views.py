"""The checkout page and the pages of an order. Each view parses, calls one verb and renders."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from cart import services as carts
from cart.browser import current_cart, guest_token, user_id_of
from cart.exceptions import AddressRequired, CartEmpty, CheckoutInProgress
from cart.models import CartStatus
from cart.snapshot import CartSnapshot
from checkout import sweeper
from checkout.exceptions import OrderNotFound, PaymentDeclined, PriceChanged
from checkout.forms import CARD, DeliveryForm, FindOrderForm, PaymentForm
from checkout.idempotency import Answer, answer_once
from checkout.models import Order, OrderStatus
from checkout.place_order import PlaceOrder, place_order
from checkout.services import cancel_waiting_payment
from config.exceptions import Refusal
from config.throttling import RateLimit
from inventory.exceptions import InsufficientStock
from payments.models import PaymentAttempt
from shipping import postal_codes
from shipping.exceptions import InvalidPostalCode, ShippingQuoteExpired, ShippingRequired, ShippingUnavailable
from shipping.services import ShippingOption

# A shopper's page asks for news every two seconds; the provider is asked no oftener than this.
ASK_PROVIDER_EVERY_SECONDS = 10
ORDERS_PER_PAGE = 20
# For how long "where does my purchase stand" means the order just made.
JUST_NOW = timedelta(hours=1)


def with_open_cart(view: Callable[[HttpRequest, CartSnapshot], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Give the view a cart that can be paid for, or send the shopper where things stand."""

    @wraps(view)
    def wrapped(request: HttpRequest) -> HttpResponse:
        cart = current_cart(request)
        if cart is None or cart.status != CartStatus.OPEN:
            return redirect("checkout:resume")
        if not cart.lines:
            return redirect("cart:cart")
        if cart.has_problems:
            look = _("Something in your cart has changed. Please look at the marked lines first.")
            messages.warning(request, _just_changed() if request.method == "POST" else look)
            return redirect("cart:cart")
        return view(request, cart)

    return wrapped


def _just_changed() -> str:
    return _("Something in your cart has just changed. Nothing was charged. Please check it again.")


# --- The checkout page ------------------------------------------------------------------------------------------------


@require_safe
@never_cache
@with_open_cart
def checkout(request: HttpRequest, cart: CartSnapshot) -> HttpResponse:
    return _page(request, cart, edit=request.GET.get("edit", ""))


@never_cache
@with_open_cart
def contact(request: HttpRequest, cart: CartSnapshot) -> HttpResponse:
    if request.method != "POST":
        return redirect("checkout:checkout")
    if "look_up" in request.POST:
        return _page(request, cart, edit="contact", form=_filled_from_cep(request))
    form = DeliveryForm(request.POST)
    if not form.is_valid():
        return _page(request, cart, edit="contact", form=form, status=422)
    found = form.cleaned_data
    try:
        cart = carts.set_delivery(
            cart.id, email=found["email"], phone=found["phone"], address=form.address(), user_id=user_id_of(request)
        )
    except Refusal as refusal:
        field = refusal.details.get("field")
        form.add_error(str(field) if field in form.fields else None, str(refusal))
        return _page(request, cart, edit="contact", form=form, status=422)
    return _on_to(_open_part(cart))


def _filled_from_cep(request: HttpRequest) -> DeliveryForm:
    """What was typed, with the street behind its CEP where the fields were empty: for browsers without scripts."""
    typed = {name: value for name, value in request.POST.items() if value and isinstance(value, str)}
    form = DeliveryForm(initial=typed)
    try:
        hint = postal_codes.look_up(postal_codes.normalise(typed.get("postal_code", "")))
    except InvalidPostalCode as refusal:
        messages.error(request, str(refusal))
        return form
    known = {"street": hint.street, "district": hint.district, "city": hint.city, "state": hint.state}
    form.initial = {**{name: value for name, value in known.items() if value}, **typed}
    return form


@never_cache
@with_open_cart
def delivery(request: HttpRequest, cart: CartSnapshot) -> HttpResponse:
    if request.method != "POST":
        return redirect("checkout:checkout")
    try:
        carts.choose_shipping(cart.id, request.POST.get("code", ""), user_id=user_id_of(request))
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return _on_to("delivery", edit="delivery")
    return _on_to("payment")


def _on_to(part: str, edit: str = "") -> HttpResponse:
    query = f"?{urlencode({'edit': edit})}" if edit else ""
    return redirect(f"{reverse('checkout:checkout')}{query}#{part}")


def _page(
    request: HttpRequest,
    cart: CartSnapshot,
    *,
    edit: str = "",
    form: DeliveryForm | None = None,
    payment_form: PaymentForm | None = None,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    """The one checkout page with one of its parts open: the first that is unfinished, or the one to be changed."""
    open_part = _open_part(cart, edit)
    return render(
        request,
        "checkout/checkout.html",
        {
            "cart": cart,
            "open_part": open_part,
            "contact_done": _has_contact(cart),
            "delivery_done": _has_contact(cart) and _has_shipping(cart),
            "form": form or DeliveryForm(initial=_known_delivery(request, cart)),
            "options": _options(cart) if open_part == "delivery" else [],
            "payment_form": payment_form,
            "method": (payment_form and payment_form.data.get("method")) or CARD,
            "idempotency_key": PaymentForm.new_key(),
            "stripe_js_url": settings.STRIPE_JS_URL if open_part == "payment" else "",
            "payment_minutes": settings.PAYMENT_MINUTES,
            "stripe_key": settings.STRIPE_PUBLISHABLE_KEY,
            **more,
        },
        status=status,
    )


def _open_part(cart: CartSnapshot, edit: str = "") -> str:
    if edit == "contact" or not _has_contact(cart):
        return "contact"
    if edit == "delivery" or not _has_shipping(cart):
        return "delivery"
    return "payment"


def _has_contact(cart: CartSnapshot) -> bool:
    return bool(cart.email and cart.address)


def _has_shipping(cart: CartSnapshot) -> bool:
    return cart.shipping is not None and cart.shipping.expires_at > timezone.now()


def _known_delivery(request: HttpRequest, cart: CartSnapshot) -> dict[str, str]:
    """What can be filled in for the shopper: from the cart, else from their account and their last order."""
    known = DeliveryForm.initial_of(cart)
    if _has_contact(cart) or not request.user.is_authenticated:
        return known
    latest = Order.objects.of_user(request.user.pk).first()
    if latest and latest.address and cart.postal_code in ("", latest.postal_code):
        known = {"phone": latest.phone} | asdict(latest.address) | known
    return {"email": request.user.email, "name": request.user.full_name} | known


def _options(cart: CartSnapshot) -> list[ShippingOption]:
    try:
        return carts.shipping_options(cart)
    except (AddressRequired, ShippingUnavailable):
        return []


# --- Paying -----------------------------------------------------------------------------------------------------------


@never_cache
@with_open_cart
def pay(request: HttpRequest, cart: CartSnapshot) -> HttpResponse:
    if request.method != "POST":
        return redirect("checkout:checkout")
    form = PaymentForm(request.POST)
    if not form.is_valid():
        return _page(request, cart, payment_form=form, status=422)
    if form.cleaned_data["cart"] != cart.id:
        # The page was of another cart (an old tab): nothing is ordered that is not in view.
        messages.warning(request, _("This page was out of date. Here is your cart as it is now; nothing was charged."))
        return redirect("checkout:checkout")
    return _pay(request, cart, form)


def _pay(request: HttpRequest, cart: CartSnapshot, form: PaymentForm) -> HttpResponse:
    user_id = user_id_of(request)
    total = str(form.cleaned_data["expected_total"])
    command = PlaceOrder(
        cart_token=cart.id,
        payment_method=form.token,
        expected_total=form.cleaned_data["expected_total"],
        language=get_language() or settings.LANGUAGE_CODE,
        user_id=user_id,
    )

    def run() -> Answer:
        try:
            return Answer(303, {"url": _address(place_order(command), placed_now=True)})
        except PaymentDeclined as refusal:
            return Answer(402, {"message": str(refusal)})

    try:
        answer = answer_once(
            cart_token=cart.id,
            user_id=user_id,
            key=str(form.cleaned_data["idempotency_key"]),
            request={"payment_method": form.token, "expected_total": total},
            run=run,
        )
    except CheckoutInProgress:
        # Pressed twice: the first press may not have got as far as an order yet, so there is no page of it to show.
        return render(request, "checkout/in_progress.html", status=202)
    except Refusal as refusal:
        return _refused(request, form, refusal)
    if answer.status == 402:
        form.add_error("method", PaymentDeclined.message)
        return _page(request, current_cart(request) or cart, payment_form=form, status=402, declined=True)
    return redirect(answer.body["url"])


def _refused(request: HttpRequest, form: PaymentForm, refusal: Refusal) -> HttpResponse:
    """Nothing was charged: show where to mend it, with all that was typed."""
    vars(request).pop("_cart", None)
    cart = current_cart(request)
    if cart is None or isinstance(refusal, CartEmpty | InsufficientStock):
        messages.warning(request, _just_changed())
        return redirect("cart:cart")
    if isinstance(refusal, ShippingQuoteExpired | ShippingRequired):
        messages.warning(request, str(refusal))
        return _on_to("delivery", edit="delivery")
    if isinstance(refusal, AddressRequired):
        return _on_to("contact", edit="contact")
    if isinstance(refusal, PriceChanged):
        return _page(request, cart, status=409, price_changed=True, previous_total=form.cleaned_data["expected_total"])
    form.add_error("method", str(refusal))
    return _page(request, cart, payment_form=form, status=refusal.status)


@require_safe
@never_cache
def resume(request: HttpRequest) -> HttpResponse:
    """Wherever this browser's purchase stands: the order being paid or just made, or the cart."""
    cart = current_cart(request)
    if cart is not None and cart.status == CartStatus.OPEN:
        return redirect("checkout:checkout" if cart.lines else "cart:cart")
    found = _latest_order(request, cart)
    return redirect(_address(found)) if found else redirect("cart:cart")


def _latest_order(request: HttpRequest, cart: CartSnapshot | None) -> Order | None:
    recent = Order.objects.filter(placed_at__gt=timezone.now() - JUST_NOW).order_by("-placed_at")
    if cart is None and request.user.is_authenticated:
        return recent.filter(user=request.user).first()
    token = cart.id if cart else guest_token(request)
    return recent.filter(cart__token=token).first() if token else None


# --- The order's pages ------------------------------------------------------------------------------------------------


def _address(order: Order, *, placed_now: bool = False) -> str:
    """The order's page as a path. Where the bank wants to see a shopper who has just paid, it sends them there."""
    query = {"token": order.token, **({"forward": "1"} if placed_now and _state(order) == "bank" else {})}
    return f"{reverse('checkout:order', args=[order.number])}?{urlencode(query)}"


def _fetch(request: HttpRequest, number: str) -> Order:
    try:
        return Order.objects.fetch(number, token=request.GET.get("token", ""), user_id=user_id_of(request))
    except OrderNotFound as refusal:
        raise Http404(str(refusal)) from None


def _state(order: Order) -> str:
    """What the page of an order shows: its status, or what its payment waits for."""
    if order.status != OrderStatus.AWAITING_PAYMENT:
        return order.status
    attempt = order.current_attempt
    if attempt and attempt.status == PaymentAttempt.Status.ACTION and attempt.action:
        return "pix" if attempt.action["type"] == "pix" else "bank"
    return "unknown"


def _up_to_date(order: Order) -> Order:
    """The order after asking the provider, unless somebody has just asked."""
    attempt = order.current_attempt
    if order.status != OrderStatus.AWAITING_PAYMENT or attempt is None:
        return order
    # None where Redis is away: then nobody knows who asked last, and asking once more does no harm.
    if cache.add(f"asked:{attempt.pk}", 1, ASK_PROVIDER_EVERY_SECONDS) is False:
        return order
    return sweeper.refresh(order)


@require_safe
@never_cache
def order(request: HttpRequest, number: str) -> HttpResponse:
    found = _fetch(request, number)
    attempt = found.current_attempt
    return render(
        request,
        "checkout/order.html",
        {
            "order": found,
            "state": _state(found),
            "action": attempt.action if attempt else None,
            "pix_expires_at": attempt.expires_at if attempt else None,
            "forward": "forward" in request.GET,
            "token": request.GET.get("token", ""),
        },
    )


@require_safe
@never_cache
def progress(request: HttpRequest, number: str) -> HttpResponse:
    """Asked by the order's page: nothing while nothing has changed, else a call to look again."""
    found = _up_to_date(_fetch(request, number))
    if _state(found) == request.GET.get("was"):
        return HttpResponse(status=204)
    return HttpResponseClientRefresh()


@require_safe
@never_cache
def return_from_bank(request: HttpRequest, number: str) -> HttpResponse:
    """Where the bank sends the shopper back to, whatever came of it."""
    found = sweeper.refresh(_fetch(request, number))
    if found.status == OrderStatus.CANCELLED:
        messages.error(
            request,
            _("Your bank did not confirm the payment. Nothing was charged. Try again, or pay with Pix."),
        )
        return redirect("checkout:checkout")
    return redirect(_address(found))


@require_POST
def another_way(request: HttpRequest, number: str) -> HttpResponse:
    """Withdraw a payment that waits for the shopper, and go back to choosing."""
    found = _fetch(request, number)
    try:
        cancel_waiting_payment(found)
    except Refusal as refusal:
        messages.warning(request, str(refusal))
        return redirect(_address(found))
    return redirect("checkout:checkout")


@require_safe
@never_cache
@login_required
def orders(request: HttpRequest) -> HttpResponse:
    mine = Paginator(Order.objects.of_user(request.user.pk or 0).prefetch_related("lines"), ORDERS_PER_PAGE)
    return render(request, "checkout/orders.html", {"page": mine.get_page(request.GET.get("page"))})


@never_cache
def find_order(request: HttpRequest) -> HttpResponse:
    """The order's page for whoever knows its number and the e-mail it was made with."""
    limit = RateLimit()
    if request.method == "POST" and not limit.allow(request, "find_order"):
        messages.error(request, _("Too many tries from your connection. Wait a minute, then try again."))
        typed = FindOrderForm(initial=request.POST.dict())
        refused = render(request, "checkout/find_order.html", {"form": typed}, status=429)
        refused["Retry-After"] = str(limit.seconds_left)
        return refused
    form = FindOrderForm(request.POST or None)
    if form.is_valid():
        found = Order.objects.filter(
            number=form.cleaned_data["number"], email__iexact=form.cleaned_data["email"]
        ).first()
        if found:
            return redirect(_address(found))
        form.add_error(None, _("We know no order with this number and e-mail. Check both in your confirmation."))
    return render(request, "checkout/find_order.html", {"form": form}, status=422 if form.errors else 200)
