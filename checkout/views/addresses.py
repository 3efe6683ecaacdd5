"""The address book: its page in the account, and its part in the checkout."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from cart import services as carts
from cart.session import user_id_of
from cart.snapshot import CartSnapshot
from checkout.forms import SavedAddressForm
from checkout.views.page import go_on, redirect_to_part, with_open_cart
from config.exceptions import Refusal
from shipping import address_book
from shipping.exceptions import SavedAddressNotFound
from shipping.models import SavedAddress


@require_safe
@never_cache
@login_required
def addresses(request: HttpRequest) -> HttpResponse:
    saved = SavedAddress.objects.of_user(request.user.pk or 0)
    return render(request, "checkout/addresses.html", {"saved_addresses": saved})


@require_POST
@login_required
def remove_address(request: HttpRequest, address_id: UUID) -> HttpResponse:
    try:
        address_book.remove(request.user.pk or 0, address_id)
    except SavedAddressNotFound as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, _("The address is removed. Orders that went there keep it."))
    return redirect("checkout:addresses")


@never_cache
@with_open_cart
def deliver_to_saved(request: HttpRequest, cart: CartSnapshot) -> HttpResponse:
    """One tap: contact and address from the address book."""
    form, user_id = SavedAddressForm(request.POST), user_id_of(request)
    if request.method != "POST" or user_id is None or not request.user.is_authenticated:
        return redirect("checkout:checkout")
    try:
        if not form.is_valid():
            raise SavedAddressNotFound
        email = cart.email or request.user.email
        return go_on(carts.deliver_to_saved(cart.id, form.cleaned_data["address"], email=email, user_id=user_id))
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return redirect_to_part("contact", edit="contact")
