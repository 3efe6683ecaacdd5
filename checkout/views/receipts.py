"""The receipt of a paid order: a page to print, and a PDF that a worker makes."""

from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from checkout import receipts, tasks
from checkout.models import Order, Receipt, ReceiptState
from checkout.receipt_facts import ReceiptFacts, facts_of, has_receipt
from checkout.views.access import fetch_bare_order, fetch_order
from config.resilience import task_queue


def _fetch(request: HttpRequest, number: str) -> tuple[Order, ReceiptFacts, Receipt | None]:
    order = _paid(fetch_order(request, number))
    facts = facts_of(order)
    return order, facts, receipts.find(order, facts)


def _paid(order: Order) -> Order:
    if not has_receipt(order):
        raise Http404(_("There is no receipt before the order is paid."))
    return order


@require_safe
@never_cache
def receipt(request: HttpRequest, number: str) -> HttpResponse:
    order, facts, made = _fetch(request, number)
    token = request.GET.get("token", "")
    state = made.state if made else ""
    context = {
        "order": order, "receipt": facts, "state": state, "token": token, "waits": state == ReceiptState.WAITING,
    }  # fmt: skip
    return render(request, "checkout/receipt.html", context)


@require_safe
@never_cache
def receipt_progress(request: HttpRequest, number: str) -> HttpResponse:
    """Polled by the receipt's page: 204 while its PDF is being made, else tells it to reload."""
    order = _paid(fetch_bare_order(request, number))
    if receipts.is_being_made(order, get_language() or "en"):
        return HttpResponse(status=204)
    return HttpResponseClientRefresh()


@require_POST
def make_receipt(request: HttpRequest, number: str) -> HttpResponse:
    """Have the PDF made. The page shows when it is."""
    order, facts, known = _fetch(request, number)
    if known is None or known.state == ReceiptState.FAILED:
        receipts.ask(order, facts.language)
        task_queue.nudge(tasks.make_receipts)
    page = reverse("checkout:receipt", args=[order.number])
    token = request.GET.get("token", "")
    return redirect(f"{page}?{urlencode({'token': token})}" if token else page)


@require_safe
@never_cache
def receipt_pdf(request: HttpRequest, number: str) -> HttpResponse:
    order, _facts, made = _fetch(request, number)
    if made is None or made.pdf is None:
        raise Http404(_("This receipt has not been made yet. Ask for it on its page."))
    word = "recibo" if (get_language() or "").startswith("pt") else "receipt"
    return HttpResponse(
        bytes(made.pdf),
        content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{word}-{order.number}.pdf"'},
    )
