"""The cart page: lines, quantities and delivery price."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

from cart import services
from cart.filling import WantedLine
from cart.forms import AddForm, PostalCodeForm, QuantityForm
from cart.models import CartStatus
from cart.services import Contents
from cart.session import current_cart, keep_cart, show, user_id_of
from cart.snapshot import CartSnapshot
from config.exceptions import Refusal
from config.rate_limits import limited
from inventory import catalogue
from inventory.exceptions import InsufficientStock, ProductNotFound
from shipping import postal_codes
from shipping.address_lookup import look_up
from shipping.exceptions import InvalidPostalCode, PostalCodeUnknown, ShippingUnavailable
from shipping.services import ShippingOption


@require_safe
@never_cache
def cart(request: HttpRequest) -> HttpResponse:
    return _page(request, current_cart(request))


@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """Add a product to the cart; with HTMX the product page stays and shows a notice."""
    form = AddForm(request.POST)
    if not form.is_valid():
        reason = form.first_error() if "quantity" in form.errors else _("Choose a product.")
        return _not_added(request, form.data.get("sku", ""), reason)
    sku, quantity = form.cleaned_data["sku"], form.cleaned_data["quantity"]
    user_id = user_id_of(request)
    found = current_cart(request)
    try:
        if found is None:
            found = services.start_cart(Contents((WantedLine(sku, quantity),)), user_id=user_id)
        else:
            found = services.add_line(found.id, sku, quantity, user_id=user_id)
    except Refusal as refusal:
        page = _not_added(request, sku, _message_of(refusal))
        return keep_cart(page, found) if found else page
    show(request, found)
    if found.shipping is None:  # otherwise its price has just been asked for
        services.ask_ahead(found)
    line = next(line for line in found.lines if line.sku == sku)
    if request.htmx:  # type: ignore[attr-defined]
        return keep_cart(render(request, "cart/added.html", {"cart": found, "line": line}), found)
    messages.success(request, _("Added to your cart: %(name)s.") % {"name": line.name})
    return keep_cart(redirect("cart:cart"), found)


def _not_added(request: HttpRequest, sku: str, reason: str) -> HttpResponse:
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "cart/not_added.html", {"reason": reason}, status=422)
    messages.error(request, reason)
    try:
        return redirect("inventory:product", slug=catalogue.product_by_sku(sku).slug)
    except ProductNotFound:
        return redirect("inventory:catalogue")


@require_POST
def line(request: HttpRequest, sku: str) -> HttpResponse:
    """Set a line's quantity; 0 removes the line."""
    found = current_cart(request)
    if found is None:
        return redirect("cart:cart")
    form = QuantityForm(request.POST)
    if not form.is_valid():
        return _line_refused(request, found, sku, form.first_error())
    try:
        changed = services.set_quantity(found.id, sku, form.cleaned_data["quantity"], user_id=user_id_of(request))
    except Refusal as refusal:
        return _line_refused(request, found, sku, _message_of(refusal))
    before = next((line for line in found.lines if line.sku == sku), None)
    if form.cleaned_data["quantity"] == 0 and before:
        messages.info(request, _("Removed: %(name)s.") % {"name": before.name})
    return _changed(request, changed)


def _line_refused(request: HttpRequest, found: CartSnapshot, sku: str, reason: str) -> HttpResponse:
    """The unchanged cart with the reason beside the line, or above all lines if the product is no longer in it."""
    if all(line.sku != sku for line in found.lines):
        messages.error(request, reason)
    return _page(request, found, line_error=(sku, reason))


@require_POST
def delivery(request: HttpRequest) -> HttpResponse:
    """Quote delivery to a CEP. Selects the cheapest option unless the shopper has already chosen one."""
    found = current_cart(request)
    if found is None:
        return redirect("cart:cart")
    form = PostalCodeForm(request.POST)
    if not form.is_valid():
        return _page(request, found, postal_code_form=form)
    user_id = user_id_of(request)
    try:
        found = services.set_postal_code(found.id, form.cleaned_data["postal_code"], user_id=user_id)
        options = services.shipping_options(found)
        if options and found.shipping is None:
            found = services.choose_shipping(found.id, options[0].code, user_id=user_id)
    except Refusal as refusal:
        form.add_error("postal_code", _message_of(refusal))
        return _page(request, found, postal_code_form=form)
    return _changed(request, found)


@require_POST
def shipping(request: HttpRequest) -> HttpResponse:
    """Choose a shipping option."""
    found = current_cart(request)
    if found is None:
        return redirect("cart:cart")
    try:
        found = services.choose_shipping(found.id, request.POST.get("code", ""), user_id=user_id_of(request))
    except Refusal as refusal:
        messages.error(request, _message_of(refusal))
    return _changed(request, found)


@require_GET
@never_cache
@limited("reads", safe_too=True)  # it may ask another service
def postal_code(request: HttpRequest) -> HttpResponse:
    """Look up the address of a CEP, to autofill a form."""
    try:
        digits = postal_codes.normalise(request.GET.get("postal_code", ""))
    except InvalidPostalCode as refusal:
        return JsonResponse({"error": str(refusal)}, status=refusal.status)
    services.ask_ahead(current_cart(request), digits)
    try:
        hint = look_up(digits)
    except PostalCodeUnknown as refusal:
        return JsonResponse({"state": postal_codes.state_of(digits) or None, "unknown": str(refusal)})
    return JsonResponse(
        {
            "street": hint.street,
            "district": hint.district,
            "city": hint.city,
            "state": hint.state,
            "town_wide": hint.is_town_wide,
        }
    )


def _changed(request: HttpRequest, changed: CartSnapshot) -> HttpResponse:
    show(request, changed)
    if request.htmx:  # type: ignore[attr-defined]
        return _page(request, changed)
    return redirect("cart:cart")


def _page(
    request: HttpRequest,
    found: CartSnapshot | None,
    *,
    line_error: tuple[str, str] = ("", ""),
    postal_code_form: PostalCodeForm | None = None,
) -> HttpResponse:
    """The whole page, or only its contents for HTMX; 422 if input was refused."""
    refused = bool(line_error[1]) or bool(postal_code_form)
    context = {
        "cart": found if found and found.lines else None,
        "closed": found is not None and found.status == CartStatus.CHECKING_OUT,
        "options": _options(found),
        "postal_code_form": postal_code_form
        or PostalCodeForm(initial={"postal_code": found.postal_code if found else ""}),
        "line_error_sku": line_error[0],
        "line_error": line_error[1],
        "resume_url": reverse("checkout:resume"),
    }
    template = "cart/contents.html" if request.htmx else "cart/cart.html"  # type: ignore[attr-defined]
    return render(request, template, context, status=422 if refused else 200)


def _options(found: CartSnapshot | None) -> list[ShippingOption]:
    if found is None or not found.lines or not found.postal_code:
        return []
    try:
        return services.shipping_options(found)
    except ShippingUnavailable:
        return []


def _message_of(refusal: Refusal) -> str:
    """The refusal's text; for insufficient stock, one that gives the number available."""
    if isinstance(refusal, InsufficientStock):
        free = refusal.shortages[0]["available"]
        if free:
            return _("Only %(free)d left. Choose %(free)d or fewer.") % {"free": free}
        return _("This has just sold out. Remove it to continue.")
    return str(refusal)
