"""Labels on an order's page: buy one with one press, go on with it, cancel it, hand its parcel over."""

from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from checkout import labels, shipments
from checkout.admin.actions import ActionResult
from checkout.admin.parcel_forms import LabelForm
from checkout.admin.parcel_views import ParcelViews, recorded
from checkout.models import Order, PackedParcel
from config.audit.services import Actor
from shipping import labels as carrier_labels
from shipping.label_requests import Box
from shipping.models import Label, LabelStatus

# With less in the wallet staff are told so.
LOW_BALANCE = Decimal("100.00")


class LabelViews(ParcelViews):
    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:order_id>/label/", wrap(self.label_view), name="checkout_order_label"),
            path(
                "<int:order_id>/label/<uuid:label_id>/<slug:verb>/",
                wrap(self.label_verb_view),
                name="checkout_order_label_verb",
            ),
            *super().get_urls(),
        ]

    def label_view(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """Asks what is in the parcel and which service takes it, then buys its label and has it made, in one press.
        Sent twice, it buys it once."""
        order = self._order_to_pack(request, order_id)
        if not carrier_labels.is_available():
            raise Http404
        left = shipments.left_to_pack(order)
        form = _form(request, order, left) if left and order.may_pack else None
        if request.method == "POST" and (known := _find(order, request.POST.get("key", ""))):
            self._tell(request, _state(known.label))
            return self._to_page(order)
        if request.method == "POST" and form is not None and form.is_valid():
            parcel, key = form.parcel(), form.cleaned_data["key"]
            if self._done(request, form, lambda: _state(labels.buy_label(order, parcel, key=key, by=request.user))):
                return self._to_page(order)
        balance = carrier_labels.balance()
        context = {
            "title": _("Label: order %(number)s, %(name)s") % {"number": order.number, "name": order.name},
            "form": form,
            "possible": form is not None,
            "balance": balance,
            "is_low": balance is not None and balance < LOW_BALANCE,
        }
        status = 409 if form is not None and form.errors else 200
        return self.render_page(request, order, "admin/checkout/order/label.html", context, status=status)

    def label_verb_view(self, request: HttpRequest, order_id: int, label_id: UUID, verb: str) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        order = self._order_to_pack(request, order_id)
        parcel = get_object_or_404(PackedParcel.objects.with_everything(), pk=label_id, order=order)
        if verb not in VERBS:
            raise Http404
        return self._pressed(request, order, lambda: VERBS[verb](parcel, request.user))


VERBS: dict[str, Callable[[PackedParcel, Actor], ActionResult]] = {
    "go-on": lambda parcel, _by: _state(labels.go_on(parcel)),
    "cancel": lambda parcel, by: _state(labels.cancel_label(parcel, by=by)),
    "hand-over": lambda parcel, by: recorded(labels.hand_over(parcel, by=by)),
}


def _state(label: Label) -> ActionResult:
    """What is told of a label after a step."""
    if label.last_error:
        told = _("The carrier refused: %(error)s Nothing was bought twice; put it right and go on.")
        return ActionResult(told % {"error": _sentence(label.last_error)}, messages.ERROR)
    if not label.is_at_rest:
        told = _("The carrier has not answered yet. The label is looked up within two minutes.")
        return ActionResult(told, messages.WARNING)
    if label.status == LabelStatus.CANCELLED:
        return ActionResult(_("The label is cancelled; its price goes back to the wallet."))
    return ActionResult(_("The label is ready to print."))


def _form(request: HttpRequest, order: Order, left: dict[int, int]) -> LabelForm:
    items = labels.items_of(order, left)
    offered = labels.services_for(order, items)
    return LabelForm(
        request.POST or None,
        order=order,
        left=left,
        warehouses=shipments.warehouses_of(order),
        offered=offered,
        chosen=order.quote.method_code,
        box=Box.around(items),
    )


def _find(order: Order, key: str) -> PackedParcel | None:
    return next((parcel for parcel in order.packed_parcels if str(parcel.pk) == key), None)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!")) else f"{text}."
