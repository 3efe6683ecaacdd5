"""`{% dashboard %}`: the dashboard at the top of the admin's home page."""

from typing import Any

from django import template

from checkout.admin import dashboard as home

register = template.Library()


@register.inclusion_tag("admin/checkout/dashboard.html", takes_context=True)
def dashboard(context: template.Context) -> dict[str, Any]:
    return home.dashboard(context["request"].user)
