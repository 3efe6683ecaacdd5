"""The parcels on an order's page: record one, say what became of it, correct its tracking."""

from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from checkout import shipments
from checkout.admin.action_views import OrderActionViews, may
from checkout.admin.actions import ActionResult
from checkout.admin.parcel_forms import ParcelForm, TrackingForm
from checkout.models import Order, Shipment, ShipmentStatus


class ParcelViews(OrderActionViews):
    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        parcel = "<int:order_id>/parcel/<uuid:parcel_id>/"
        return [
            path("<int:order_id>/parcel/", wrap(self.parcel_view), name="checkout_order_parcel"),
            path(f"{parcel}correct/", wrap(self.correct_view), name="checkout_order_parcel_correct"),
            path(f"{parcel}<slug:status>/", wrap(self.news_view), name="checkout_order_parcel_news"),
            *super().get_urls(),
        ]

    def parcel_view(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """Asks what is in the parcel and who carries it, then records it. Sending it twice records it once."""
        order = self._order_to_pack(request, order_id)
        form = ParcelForm(
            request.POST or None,
            order=order,
            left=shipments.left_to_pack(order),
            warehouses=shipments.warehouses_of(order),
        )
        if request.method == "POST" and _is_recorded(order, request.POST.get("key", "")):
            return self._to_page(order)
        if request.method == "POST" and form.is_valid():

            def do() -> ActionResult:
                return recorded(
                    shipments.post_parcel(order, form.parcel(), key=form.cleaned_data["key"], by=request.user)
                )

            if self._done(request, form, do):
                return self._to_page(order)
        return self._render_parcel(request, order, form, {"title": self._title(order), "possible": order.may_pack})

    def correct_view(self, request: HttpRequest, order_id: int, parcel_id: UUID) -> HttpResponse:
        order = self._order_to_pack(request, order_id)
        parcel = get_object_or_404(Shipment, pk=parcel_id, order=order)
        names = ("carrier", "service", "tracking_code", "tracking_url")
        form = TrackingForm(request.POST or None, initial={name: getattr(parcel, name) for name in names})
        if request.method == "POST" and form.is_valid():

            def do() -> ActionResult:
                shipments.correct_tracking(parcel, form.tracking(), by=request.user)
                return ActionResult(_("The parcel's tracking is corrected."))

            if self._done(request, form, do):
                return self._to_page(order)
        context = {"title": self._title(order), "possible": True, "correcting": parcel}
        return self._render_parcel(request, order, form, context)

    def news_view(self, request: HttpRequest, order_id: int, parcel_id: UUID, status: str) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if status not in ShipmentStatus:
            raise Http404
        order = self._order_to_pack(request, order_id)
        parcel = get_object_or_404(Shipment, pk=parcel_id, order=order)

        def do() -> ActionResult:
            after = shipments.record_news(parcel, ShipmentStatus(status), by=request.user)
            told = _("The parcel is recorded as %(status)s. Order %(number)s is %(order_status)s.")
            facts = {
                "status": ShipmentStatus(status).label,
                "number": after.number,
                "order_status": after.get_status_display(),
            }
            return ActionResult(told % facts)

        return self._pressed(request, order, do)

    def _order_to_pack(self, request: HttpRequest, order_id: int) -> Order:
        if not may(request, "ship_order"):
            raise PermissionDenied
        return self._order(request, order_id)

    def _title(self, order: Order) -> str:
        return _("Parcel: order %(number)s, %(name)s") % {"number": order.number, "name": order.name}

    def _render_parcel(
        self, request: HttpRequest, order: Order, form: TrackingForm, context: dict[str, Any]
    ) -> HttpResponse:
        template = "admin/checkout/order/parcel.html"
        status = 409 if form.errors else 200
        return self.render_page(request, order, template, {"form": form, **context}, status=status)


def recorded(after: Order) -> ActionResult:
    facts = {"number": after.number, "status": after.get_status_display()}
    return ActionResult(_("The parcel is recorded. Order %(number)s is %(status)s.") % facts)


def _is_recorded(order: Order, key: str) -> bool:
    return any(str(parcel.pk) == key for parcel in order.parcels)
