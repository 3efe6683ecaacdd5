"""The returns on an order's page: answer a request, record what came back, pay back what is owed."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from checkout import returns
from checkout.admin.action_views import may
from checkout.admin.actions import ActionResult
from checkout.admin.parcel_views import ParcelViews
from checkout.admin.return_forms import InspectionForm, ReturnAnswerForm
from checkout.models import Order, Return, ReturnStatus
from config.formats import money
from payments.models import RefundStatus


@dataclass(frozen=True)
class ReturnStep:
    """A page where staff do something with a return, and the permission that it needs."""

    name: str
    permission: str
    label: str | Promise


STEPS = {
    ReturnStatus.REQUESTED: [ReturnStep("answer", "answer_return", gettext_lazy("Decide…"))],
    ReturnStatus.EXPECTED: [
        ReturnStep("answer", "answer_return", gettext_lazy("How to send it…")),
        ReturnStep("inspect", "inspect_return", gettext_lazy("It has come…")),
    ],
    ReturnStatus.INSPECTED: [ReturnStep("close", "refund_order", gettext_lazy("Pay the return back…"))],
}


def steps_for(request: HttpRequest, order: Order, asked: Return) -> list[tuple[str, str | Promise]]:
    """Where this member of staff may do something with it now: addresses and labels."""
    offered = STEPS.get(ReturnStatus(asked.status), [])
    return [
        (reverse(f"admin:checkout_order_return_{step.name}", args=[order.pk, asked.pk]), step.label)
        for step in offered
        if may(request, step.permission)
    ]


class ReturnViews(ParcelViews):
    def get_urls(self) -> list[URLPattern]:
        wrap, one = self.admin_site.admin_view, "<int:order_id>/return/<uuid:return_id>/"
        return [
            path(f"{one}answer/", wrap(self.answer_return_view), name="checkout_order_return_answer"),
            path(f"{one}inspect/", wrap(self.inspect_return_view), name="checkout_order_return_inspect"),
            path(f"{one}close/", wrap(self.close_return_view), name="checkout_order_return_close"),
            *super().get_urls(),
        ]

    def answer_return_view(self, request: HttpRequest, order_id: int, return_id: UUID) -> HttpResponse:
        """Accepts or refuses a request; or tells how to send back what is expected. The shopper gets it by mail."""
        order, asked = self._return(request, order_id, return_id, "answer_return")
        form = ReturnAnswerForm(request.POST or None, initial={"answer": asked.answer})
        if request.method == "POST" and form.is_valid():
            accepted = request.POST.get("do") == "accept"

            def do() -> ActionResult:
                returns.answer_return(asked, accepted=accepted, answer=form.cleaned_data["answer"], by=request.user)
                return ActionResult(_("The answer is recorded. The shopper gets it by e-mail within a minute."))

            if self._done(request, form, do):
                return self._to_page(order)
        decides = asked.status == ReturnStatus.REQUESTED
        context = {"decides": decides, "possible": decides or asked.is_expected}
        return self._render_return(request, order, asked, form, "answer", context)

    def inspect_return_view(self, request: HttpRequest, order_id: int, return_id: UUID) -> HttpResponse:
        """Asks what became of each unit, then records it and puts on the shelf what is fit for it."""
        order, asked = self._return(request, order_id, return_id, "inspect_return")
        form = InspectionForm(request.POST or None, expected=[units for units in asked.contents if units.expected])
        if request.method == "POST" and form.is_valid():

            def do() -> ActionResult:
                returns.inspect_return(asked, form.found(), by=request.user)
                return ActionResult(_("What came back is recorded. Its money can be paid back now."))

            if self._done(request, form, do):
                return self._to_page(order)
        return self._render_return(request, order, asked, form, "inspect", {"possible": asked.is_expected})

    def close_return_view(self, request: HttpRequest, order_id: int, return_id: UUID) -> HttpResponse:
        """Shows what is owed, then pays it back. Sending it twice pays once."""
        order, asked = self._return(request, order_id, return_id, "refund_order")
        form = forms.Form(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():

            def do() -> ActionResult:
                confirmed, with_freight = _amount(request.POST.get("confirmed", "")), "with_freight" in request.POST
                closed = returns.close_return(asked, with_freight=with_freight, expected=confirmed, by=request.user)
                return ActionResult(_closed(closed, order))

            if self._done(request, form, do):
                return self._to_page(order)
            asked.refresh_from_db(fields=["status"])  # closed, though the provider could not be reached
        possible = asked.status == ReturnStatus.INSPECTED
        context = {"possible": possible, "owed": returns.owed(asked) if possible else None}
        return self._render_return(request, order, asked, form, "close", context)

    def _return(self, request: HttpRequest, order_id: int, return_id: UUID, permission: str) -> tuple[Order, Return]:
        if not may(request, permission):
            raise PermissionDenied
        order = self._order(request, order_id)
        return order, get_object_or_404(Return.objects.with_contents(), pk=return_id, order=order)

    def _render_return(
        self, request: HttpRequest, order: Order, asked: Return, form: forms.Form, step: str, context: dict[str, Any]
    ) -> HttpResponse:
        title = _("Return %(number)s: %(name)s") % {"number": asked.number, "name": order.name}
        shown = {"title": title, "form": form, "asked": asked, **context}
        status = 409 if form.errors else 200
        return self.render_page(request, order, f"admin/checkout/order/return_{step}.html", shown, status=status)


def _amount(typed: str) -> Decimal:
    """What the page showed; nothing fits what is no amount."""
    try:
        return Decimal(typed)
    except InvalidOperation:
        return Decimal("NaN")


def _closed(closed: Return, order: Order) -> str:
    if closed.refund is None:
        return _("Return %(number)s is closed. Nothing was to be paid back.") % {"number": closed.number}
    facts = {"amount": money(closed.refund.amount, order.currency), "number": closed.number}
    if closed.refund.status == RefundStatus.SUCCEEDED:
        return _("Return %(number)s is closed, and %(amount)s has been paid back.") % facts
    return _("Return %(number)s is closed, and %(amount)s is on its way back: the timeline shows how far.") % facts
