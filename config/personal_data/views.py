"""A person's own data: a copy of it, or its erasure, for whoever reads the mail of an address."""

import json

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from config.exceptions import Refusal
from config.personal_data import data_requests, tasks
from config.personal_data.exceptions import LinkNotValid
from config.personal_data.forms import AskForm
from config.personal_data.models import Wish
from config.rate_limits import limited, may_be_mailed
from config.resilience import task_queue


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@limited("sign_up")
def ask(request: HttpRequest) -> HttpResponse:
    """Asks for address and wish. The answer is the same whether or not the shop knows the address."""
    if request.method != "POST":
        known = request.user.email if request.user.is_authenticated else ""
        return render(request, "personal_data/ask.html", {"form": AskForm(initial={"email": known})})
    form = AskForm(request.POST)
    if not form.is_valid():
        return render(request, "personal_data/ask.html", {"form": form}, status=422)
    email = form.cleaned_data["email"]
    if may_be_mailed(email):
        data_requests.ask(email, Wish(form.cleaned_data["wish"]), get_language() or "pt-br")
        task_queue.nudge(tasks.deal_with_data_requests)
    return redirect("personal_data:sent")


@require_safe
def sent(request: HttpRequest) -> HttpResponse:
    return render(request, "personal_data/sent.html")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@limited("sign_up")
def link(request: HttpRequest) -> HttpResponse:
    """Where the mailed link leads: says what happens, and lets it happen with a press. Opening it uses nothing up."""
    key = request.GET.get("key", "")
    try:
        found = data_requests.look_up(key)
        if request.method == "POST":
            return _fulfil(request, key, found.wish)
    except Refusal as refusal:
        context = {"refusal": refusal, "lost": isinstance(refusal, LinkNotValid)}
        return render(request, "personal_data/refused.html", context, status=refusal.status)
    return render(
        request, "personal_data/link.html", {"erases": found.wish == Wish.ERASE, "email": found.email, "key": key}
    )


def _fulfil(request: HttpRequest, key: str, wish: str) -> HttpResponse:
    if wish == Wish.COPY:
        known = json.dumps(data_requests.give_copy(key), cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)
        answer = HttpResponse(known, content_type="application/json; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="my-data.json"'
        return answer
    data_requests.confirm_erasure(key)
    task_queue.nudge(tasks.deal_with_data_requests)
    return redirect("personal_data:erasing")


@require_safe
def erasing(request: HttpRequest) -> HttpResponse:
    return render(request, "personal_data/erasing.html")
