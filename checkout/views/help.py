"""Help, and the shop's pages on privacy, sale and exchange."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from checkout.models import PolicyPage
from checkout.policies import policy_text


@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    return render(request, "checkout/help.html", {"payment_minutes": settings.FIRST_PAYMENT_MINUTES})


@require_safe
def policy_page(request: HttpRequest, page: str) -> HttpResponse:
    text = policy_text(page, get_language() or settings.LANGUAGE_CODE)
    return render(request, "checkout/policy.html", {"title": PolicyPage(page).label, "text": text})
