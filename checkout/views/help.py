"""The help page: shoppers' frequent questions."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    return render(request, "checkout/help.html", {"payment_minutes": settings.FIRST_PAYMENT_MINUTES})
