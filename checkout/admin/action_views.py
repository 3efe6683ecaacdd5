"""The buttons on an order's page: each is a POST that runs one action and shows its result."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from checkout import services
from checkout.admin import actions
from checkout.admin.actions import ORDER_ACTIONS, ActionResult
from checkout.admin.forms import ReasonForm, RefundForm, new_key
from checkout.models import CANCELLABLE, Order, OrderStatus
from config.backoffice.base import PageAdmin
from config.exceptions import Refusal
from config.formats import money
from config.money import ZERO
from payments.models import Refund


def may(request: HttpRequest, permission: str) -> bool:
    """Whether the user has this permission of the checkout app."""
    return request.user.has_perm(f"checkout.{permission}")


def may_cancel(request: HttpRequest, order: Order) -> bool:
    """Cancelling a paid order moves money, so it needs the permission to refund."""
    return may(request, "refund_order" if order.status == OrderStatus.PAID else "cancel_order")


class OrderActionViews(PageAdmin[Order]):
    """Each button has its own permission; orders are never edited by hand."""

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("by-number/<str:number>/", wrap(self.by_number_view), name="checkout_order_by_number"),
            path("<int:order_id>/refund/", wrap(self.refund_view), name="checkout_order_refund"),
            path("<int:order_id>/by-hand/<uuid:refund_id>/", wrap(self.by_hand_view), name="checkout_order_by_hand"),
            path("<int:order_id>/cancel/", wrap(self.cancel_view), name="checkout_order_cancel"),
            path("<int:order_id>/do/<slug:name>/", wrap(self.action_view), name="checkout_order_do"),
            path("<int:order_id>/tax-id/", wrap(self.tax_id_view), name="checkout_order_tax_id"),
            *super().get_urls(),
        ]

    def by_number_view(self, request: HttpRequest, number: str) -> HttpResponse:
        """The target of links from the other apps' admins, which know only the order's number."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self._to_page(get_object_or_404(Order, number=number.upper()))

    def action_view(self, request: HttpRequest, order_id: int, name: str) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if name not in ORDER_ACTIONS:
            raise Http404
        if not may(request, ORDER_ACTIONS[name].permission):
            raise PermissionDenied
        order = self._order(request, order_id)
        return self._pressed(request, order, lambda: ORDER_ACTIONS[name].do(order, request.user))

    def tax_id_view(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """The order's page with the whole tax id on it, once: a POST, since each look is recorded."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not may(request, "see_tax_id"):
            raise PermissionDenied
        order = self._order(request, order_id)
        whole = services.reveal_tax_id(order, by=request.user)
        # Read again, so that the timeline shows this look as well.
        order = self._order(request, order_id)
        context = {**self.page_context(request, order), "whole_tax_id": whole}
        return self.render_page(request, order, self.page_template, context)

    def refund_view(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """Asks for amount and reason, then to confirm the amount, then refunds.

        `?again=<refund>` continues an unsettled refund.
        """
        if not may(request, "refund_order"):
            raise PermissionDenied
        order = self._order(request, order_id)
        known = _find_refund(order, request.POST.get("key", ""))
        if known is not None and known.settled_at:
            self.message_user(request, _("This refund was already made; nothing was paid twice."), messages.INFO)
            return self._to_page(order)
        again = known or _open_refund(order, request.GET.get("again", ""))
        refundable = order.payment.refundable + (again.amount if again else ZERO)
        form = RefundForm(
            request.POST or None,
            initial=_refund_initial(again, refundable),
            refundable=refundable,
            currency=order.currency,
            again=again is not None,
        )
        possible = refundable > ZERO
        context = {"step": _("Refund"), "refundable": refundable, "again": again, "possible": possible}
        if request.method == "POST" and form.is_valid():
            amount = form.cleaned_data["amount"]
            # A refund that was begun is asked about again with the amount that was confirmed then.
            if possible and again is None and not _has_confirmed(request, amount):
                context |= {"to_confirm": amount, "left_after": refundable - amount}
            elif response := self._refund(request, order, form, again):
                return response
        return self._render_form(request, order, form, "admin/checkout/order/refund.html", context)

    def _refund(
        self, request: HttpRequest, order: Order, form: RefundForm, again: Refund | None
    ) -> HttpResponse | None:
        """Refunds what the valid form says; None if it was refused, with the reason on the form."""
        cleaned = form.cleaned_data

        def do() -> ActionResult:
            return actions.refund(
                order,
                request.user,
                amount=cleaned["amount"],
                reason=cleaned["reason"],
                restock=cleaned.get("restock", False),
                key=cleaned["key"],
            )

        if self._done(request, form, do):
            return self._to_page(order)
        started = Refund.objects.open_under(order.payment_id, cleaned["key"])
        if started is not None and again is None:
            return self._to_open_refund(request, order, started, form)
        return None

    def by_hand_view(self, request: HttpRequest, order_id: int, refund_id: UUID) -> HttpResponse:
        """Asks how a failed refund was paid, then records it."""
        if not may(request, "refund_order"):
            raise PermissionDenied
        order = self._order(request, order_id)
        refund = get_object_or_404(Refund, pk=refund_id, payment=order.payment_id)
        form = ReasonForm(request.POST or None, initial={"key": new_key()})
        if request.method == "POST" and form.is_valid():
            reason = form.cleaned_data["reason"]
            if self._done(request, form, lambda: actions.pay_by_hand(refund, request.user, reason=reason)):
                return self._to_page(order)
        context = {"step": _("Paid by hand"), "refund": refund, "possible": refund.may_be_paid_by_hand}
        return self._render_form(request, order, form, "admin/checkout/order/by_hand.html", context)

    def cancel_view(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """Asks for a reason, then cancels: an unpaid order is withdrawn, a paid one is refunded and restocked."""
        order = self._order(request, order_id)
        if not may_cancel(request, order):
            raise PermissionDenied
        known = _find_refund(order, request.POST.get("key", ""))
        if known is not None and known.settled_at:
            self.message_user(request, _("This refund was already made; nothing was paid twice."), messages.INFO)
            return self._to_page(order)
        form = ReasonForm(request.POST or None, initial={"key": new_key()})
        paid, possible = order.status == OrderStatus.PAID, order.status in CANCELLABLE
        refundable = order.payment.refundable
        context = {"step": _("Cancel"), "possible": possible, "paid": paid, "refundable": refundable}
        if request.method == "POST" and form.is_valid():
            cleaned = form.cleaned_data

            def do() -> ActionResult:
                return actions.cancel(order, request.user, reason=cleaned["reason"], key=cleaned["key"])

            # The page named an amount, which may have changed since: an unpaid order is paid, a part refunded.
            if paid and known is None and not _has_confirmed(request, refundable):
                context["has_changed"] = True
            elif self._done(request, form, do):
                return self._to_page(order)
        return self._render_form(request, order, form, "admin/checkout/order/cancel.html", context)

    def _pressed(self, request: HttpRequest, order: Order, do: Callable[[], ActionResult]) -> HttpResponse:
        """Shows on the order's page what came of a button, or why it was refused."""
        try:
            result = do()
        except Refusal as refusal:
            result = ActionResult(str(refusal), messages.ERROR)
        self._tell(request, result)
        return self._to_page(order)

    def _done(self, request: HttpRequest, form: Form, do: Callable[[], ActionResult]) -> bool:
        """Shows a refusal on the form, which keeps its idempotency key: resubmitting does nothing twice."""
        try:
            result = do()
        except Refusal as refusal:
            form.add_error(None, str(refusal))
            return False
        self._tell(request, result)
        return True

    def _tell(self, request: HttpRequest, result: ActionResult) -> None:
        self.message_user(request, result.text, result.level)

    def _render_form(
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

    def _to_open_refund(self, request: HttpRequest, order: Order, started: Refund, form: RefundForm) -> HttpResponse:
        """The refund is recorded but the provider was not reached: only this refund can be continued, unchanged."""
        self.message_user(request, " ".join(str(error) for error in form.non_field_errors()), messages.ERROR)
        page = reverse("admin:checkout_order_refund", args=[order.pk])
        return HttpResponseRedirect(f"{page}?again={started.pk}")

    def _order(self, request: HttpRequest, order_id: int) -> Order:
        return get_object_or_404(self.page_queryset(request), pk=order_id)

    def _to_page(self, order: Order) -> HttpResponseRedirect:
        return HttpResponseRedirect(reverse("admin:checkout_order_change", args=[order.pk]))


def _has_confirmed(request: HttpRequest, amount: Decimal) -> bool:
    """Whether the page that was sent had shown this very amount as the one to be paid back."""
    return request.POST.get("confirmed") == str(amount)


def _find_refund(order: Order, key: str) -> Refund | None:
    return next((refund for refund in order.payment.refunds.all() if refund.idempotency_key == key), None)


def _open_refund(order: Order, refund_id: str) -> Refund | None:
    """The refund that staff want to retry, if it is still unsettled."""
    refunds = order.payment.refunds.all()
    return next((refund for refund in refunds if str(refund.pk) == refund_id and not refund.settled_at), None)


def _refund_initial(again: Refund | None, refundable: Decimal) -> dict[str, Any]:
    if again is None:
        return {"amount": refundable, "restock": True, "key": new_key()}
    return {
        "amount": again.amount,
        "reason": again.reason,
        "key": again.idempotency_key,
    }
