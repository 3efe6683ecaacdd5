"""The buttons of an order's page: each changes something by POST, calls one verb and tells what happened."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from checkout.admin import actions
from checkout.admin.actions import ORDER_ACTIONS, ActionResult
from checkout.admin.forms import ReasonForm, RefundForm, new_key
from checkout.models import CANCELLABLE, REFUNDABLE, Order, OrderStatus
from config.backoffice.base import PageAdmin
from config.exceptions import Refusal
from config.formats import money
from config.money import ZERO
from payments.models import Refund


def may(request: HttpRequest, permission: str) -> bool:
    """Whether this person has a permission of this app."""
    return request.user.has_perm(f"checkout.{permission}")


def may_cancel(request: HttpRequest, order: Order) -> bool:
    """Calling off a paid order moves money, so it takes the right to."""
    return may(request, "refund_order" if order.status == OrderStatus.PAID else "cancel_order")


class OrderActionViews(PageAdmin[Order]):
    """Each button asks for a permission of its own; nobody edits an order by hand."""

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("by-number/<str:number>/", wrap(self.by_number_view), name="checkout_order_by_number"),
            path("<int:order_id>/refund/", wrap(self.refund_view), name="checkout_order_refund"),
            path("<int:order_id>/cancel/", wrap(self.cancel_view), name="checkout_order_cancel"),
            path("<int:order_id>/do/<slug:verb>/", wrap(self.verb_view), name="checkout_order_do"),
            *super().get_urls(),
        ]

    def by_number_view(self, request: HttpRequest, number: str) -> HttpResponse:
        """Where the other apps' admins lead, which know an order only by its number."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self._to_page(get_object_or_404(Order, number=number.upper()))

    def verb_view(self, request: HttpRequest, order_id: int, verb: str) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if verb not in ORDER_ACTIONS:
            raise Http404
        if not may(request, ORDER_ACTIONS[verb].permission):
            raise PermissionDenied
        order = self._order(request, order_id)
        try:
            told = ORDER_ACTIONS[verb].do(order, request.user)
        except Refusal as refusal:
            told = ActionResult(str(refusal), messages.ERROR)
        self.message_user(request, told.text, told.level)
        return self._to_page(order)

    def refund_view(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """Asks how much and why, then pays back. `?again=<refund>` continues a refund whose end is not known."""
        if not may(request, "refund_order"):
            raise PermissionDenied
        order = self._order(request, order_id)
        known = _known_refund(order, request.POST.get("key", ""))
        if known is not None and known.settled_at:
            self.message_user(request, _("This refund was already made; nothing was paid twice."), messages.INFO)
            return self._to_page(order)
        again = known or _open_refund(order, request.GET.get("again", ""))
        left = order.payment.refundable + (again.amount if again else ZERO)
        form = RefundForm(
            request.POST or None, initial=_refund_initial(again, left), left=left, again=again is not None
        )
        if request.method == "POST" and form.is_valid():
            cleaned = form.cleaned_data

            def do() -> ActionResult:
                return actions.refund(
                    order,
                    request.user,
                    amount=cleaned["amount"],
                    reason=cleaned["reason"],
                    restock=cleaned.get("restock", order.restock_on_refund),
                    key=cleaned["key"],
                )

            if self._move_money(request, form, do):
                return self._to_page(order)
            begun = Refund.objects.open_under(order.payment_id, cleaned["key"])
            if begun is not None and again is None:
                return self._to_open_refund(request, order, begun, form)
        return self._ask_person(
            request,
            order,
            form,
            "admin/checkout/order/refund.html",
            {"step": _("Refund"), "left": left, "again": again, "possible": order.status in REFUNDABLE},
        )

    def cancel_view(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """Asks why, then cancels: what is unpaid is withdrawn, what is paid is paid back and restocked."""
        order = self._order(request, order_id)
        if not may_cancel(request, order):
            raise PermissionDenied
        known = _known_refund(order, request.POST.get("key", ""))
        if known is not None and known.settled_at:
            self.message_user(request, _("This refund was already made; nothing was paid twice."), messages.INFO)
            return self._to_page(order)
        form = ReasonForm(request.POST or None, initial={"key": new_key()})
        if request.method == "POST" and form.is_valid():
            cleaned = form.cleaned_data

            def do() -> ActionResult:
                return actions.cancel(order, request.user, reason=cleaned["reason"], key=cleaned["key"])

            if self._move_money(request, form, do):
                return self._to_page(order)
        return self._ask_person(
            request,
            order,
            form,
            "admin/checkout/order/cancel.html",
            {
                "step": _("Cancel"),
                "left": order.payment.refundable,
                "possible": order.status in CANCELLABLE,
                "paid": order.status == OrderStatus.PAID,
            },
        )

    def _move_money(self, request: HttpRequest, form: ReasonForm, do: Callable[[], ActionResult]) -> bool:
        """A refusal stands at the form, whose key stays: sending it again cannot pay twice."""
        try:
            told = do()
        except Refusal as refusal:
            form.add_error(None, str(refusal))
            return False
        self.message_user(request, told.text, told.level)
        return True

    def _ask_person(
        self, request: HttpRequest, order: Order, form: ReasonForm, template: str, context: dict[str, Any]
    ) -> HttpResponse:
        title = _("%(step)s: order %(number)s, %(total)s") % {
            "step": context["step"],
            "number": order.number,
            "total": money(order.total, order.currency),
        }
        return self.render_page(
            request, order, template, {"title": title, "form": form, **context}, status=409 if form.errors else 200
        )

    def _to_open_refund(self, request: HttpRequest, order: Order, begun: Refund, form: RefundForm) -> HttpResponse:
        """The refund is written down, but the provider was not reached: only this one can go on, as it was meant."""
        self.message_user(request, " ".join(str(error) for error in form.non_field_errors()), messages.ERROR)
        page = reverse("admin:checkout_order_refund", args=[order.pk])
        return HttpResponseRedirect(f"{page}?again={begun.pk}")

    def _order(self, request: HttpRequest, order_id: int) -> Order:
        return get_object_or_404(self.page_queryset(request), pk=order_id)

    def _to_page(self, order: Order) -> HttpResponseRedirect:
        return HttpResponseRedirect(reverse("admin:checkout_order_change", args=[order.pk]))


def _known_refund(order: Order, key: str) -> Refund | None:
    return next((refund for refund in order.payment.refunds.all() if refund.idempotency_key == key), None)


def _open_refund(order: Order, refund_id: str) -> Refund | None:
    """The refund that staff want to ask about again, if its end is not known."""
    refunds = order.payment.refunds.all()
    return next((refund for refund in refunds if str(refund.pk) == refund_id and not refund.settled_at), None)


def _refund_initial(again: Refund | None, left: Decimal) -> dict[str, Any]:
    if again is None:
        return {"amount": left, "restock": True, "key": new_key()}
    return {
        "amount": again.amount,
        "reason": again.reason,
        "key": again.idempotency_key,
    }
