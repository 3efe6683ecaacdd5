"""The checkout page: contact, delivery and payment, one part open at a time."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from cart import services as carts
from cart.exceptions import AddressRequired
from cart.models import CartStatus
from cart.session import current_cart, user_id_of
from cart.snapshot import CartSnapshot
from checkout import services
from checkout.forms import CARD, PIX, DeliveryForm, PaymentForm
from checkout.known_addresses import KnownAddresses, known_to
from config.exceptions import Refusal
from shipping import postal_codes, tax_ids
from shipping.address_lookup import look_up
from shipping.exceptions import InvalidPostalCode, PostalCodeUnknown, ShippingUnavailable
from shipping.services import ShippingOption


def with_open_cart(view: Callable[[HttpRequest, CartSnapshot], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Pass the view a cart that is ready for checkout, or redirect the shopper to the order or to the cart."""

    @wraps(view)
    def wrapped(request: HttpRequest) -> HttpResponse:
        cart = current_cart(request)
        if cart is None or cart.status != CartStatus.OPEN:
            return redirect("checkout:resume")
        if not cart.lines:
            return redirect("cart:cart")
        if cart.has_problems:
            check_first = _("Something in your cart has changed. Please check the marked items first.")
            messages.warning(request, cart_changed_message() if request.method == "POST" else check_first)
            return redirect("cart:cart")
        return view(request, cart)

    return wrapped


def cart_changed_message() -> str:
    return _("Your cart has just changed. Nothing was charged. Please check it again.")


@require_safe
@never_cache
@with_open_cart
def checkout(request: HttpRequest, cart: CartSnapshot) -> HttpResponse:
    return checkout_page(request, cart, edit=request.GET.get("edit", ""))


@never_cache
@with_open_cart
def contact(request: HttpRequest, cart: CartSnapshot) -> HttpResponse:
    if request.method != "POST":
        return redirect("checkout:checkout")
    if "look_up" in request.POST:
        return checkout_page(request, cart, edit="contact", form=_prefilled_from_cep(request))
    form = DeliveryForm(request.POST, signed_in=request.user.is_authenticated)
    if not form.is_valid():
        return checkout_page(request, cart, edit="contact", form=form, status=422)
    data = form.cleaned_data
    try:
        cart = carts.set_delivery(
            cart.id,
            email=data["email"],
            phone=data["phone"],
            tax_id=services.tax_id_meant(data.get("tax_id", ""), cart.tax_id, user_id_of(request)),
            address=form.address(),
            user_id=user_id_of(request),
        )
    except Refusal as refusal:
        field = refusal.details.get("field")
        form.add_error(str(field) if field in form.fields else None, str(refusal))
        return checkout_page(request, cart, edit="contact", form=form, status=422)
    user_id = user_id_of(request)
    if user_id is not None and data.get("save_address"):
        carts.save_address(cart.id, user_id)
    return go_on(cart)


def go_on(cart: CartSnapshot) -> HttpResponse:
    """To the first part that is unfinished, once contact and address are known."""
    part = _open_part(cart)
    if part == "delivery":
        carts.ask_ahead(cart)
    return redirect_to_part(part)


def town_wide_message() -> str:
    return _("One CEP for the whole town: please fill in the street and the district.")


def _prefilled_from_cep(request: HttpRequest) -> DeliveryForm:
    """The typed form with its empty address fields filled in from the CEP, for browsers without scripts."""
    typed = {name: value for name, value in request.POST.items() if value and isinstance(value, str)}
    form = DeliveryForm(initial=typed, signed_in=request.user.is_authenticated)
    try:
        hint = look_up(postal_codes.normalise(typed.get("postal_code", "")))
    except (InvalidPostalCode, PostalCodeUnknown) as refusal:
        messages.error(request, str(refusal))
        return form
    if hint.is_town_wide:
        messages.info(request, town_wide_message())
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
        return redirect_to_part("delivery", edit="delivery")
    return redirect_to_part("payment")


def redirect_to_part(part: str, edit: str = "") -> HttpResponse:
    query = f"?{urlencode({'edit': edit})}" if edit else ""
    return redirect(f"{reverse('checkout:checkout')}{query}#{part}")


def checkout_page(
    request: HttpRequest,
    cart: CartSnapshot,
    *,
    edit: str = "",
    form: DeliveryForm | None = None,
    payment_form: PaymentForm | None = None,
    method: str = "",
    status: int = 200,
    cards_closed: bool | None = None,
    **more: Any,
) -> HttpResponse:
    """Render the checkout page with one part open: the part to `edit`, or else the first unfinished one."""
    open_part = _open_part(cart, edit)
    known = known_to(request.user.pk) if open_part == "contact" and request.user.is_authenticated else None
    if open_part == "contact":
        initial = _known_delivery(request, cart, known)
        form = form or DeliveryForm(initial=initial, signed_in=request.user.is_authenticated)
        if not _has_shipping(cart):
            _ask_ahead(cart, form)
    closed = cart.cards_closed if cards_closed is None else cards_closed
    chosen = method or (payment_form and payment_form.data.get("method")) or CARD
    return render(
        request,
        "checkout/checkout.html",
        {
            "cart": cart,
            "open_part": open_part,
            "contact_done": _has_contact(cart),
            "delivery_done": _has_contact(cart) and _has_shipping(cart),
            "form": form,
            "saved_addresses": known.saved if known else [],
            "town_wide_message": town_wide_message(),
            "options": _options(cart) if open_part == "delivery" else [],
            "payment_form": payment_form,
            "cards_closed": closed,
            "method": PIX if closed else chosen,
            "idempotency_key": PaymentForm.new_key(),
            "stripe_js_url": settings.STRIPE_JS_URL if open_part == "payment" and not closed else "",
            "payment_minutes": settings.FIRST_PAYMENT_MINUTES,
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
    return bool(cart.email and cart.address and (cart.tax_id or settings.TAX_ID != tax_ids.REQUIRED))


def _has_shipping(cart: CartSnapshot) -> bool:
    return cart.shipping is not None and cart.shipping.expires_at > timezone.now()


def _known_delivery(request: HttpRequest, cart: CartSnapshot, known: KnownAddresses | None) -> dict[str, str]:
    """Initial delivery values: from the cart, else from the shopper's account, address book or latest order."""
    initial = DeliveryForm.initial_of(cart)
    if known is None or _has_contact(cart) or not request.user.is_authenticated:
        return initial
    likely = known.likely(cart)
    if likely and likely.address:
        initial = {"phone": likely.phone, "tax_id": likely.masked_tax_id} | asdict(likely.address) | initial
    return {"email": request.user.email, "name": request.user.full_name} | initial


def _ask_ahead(cart: CartSnapshot, form: DeliveryForm) -> None:
    """Delivery comes next: ask for its prices while the shopper reads what is filled in."""
    with suppress(InvalidPostalCode):
        carts.ask_ahead(cart, postal_codes.normalise(form.initial.get("postal_code", "")))


def _options(cart: CartSnapshot) -> list[ShippingOption]:
    try:
        return carts.shipping_options(cart)
    except (AddressRequired, ShippingUnavailable):
        return []
