"""Carts in the admin: read-only, with their contents at today's prices.

A cart's token grants access to the cart, so only its first characters are shown.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from cart.models import Cart, CartLine, CartQuerySet, CartStatus
from config import money
from config.backoffice.base import NOTHING, ChoiceFilter, PageAdmin, amount, facts, moment, moment_of, status_tag
from config.backoffice.site import page
from config.formats import cep, phone
from inventory import catalogue

TOKEN_SHOWN = 8


STEPS = {"goods": _("goods"), "address": _("contact and address"), "delivery": _("delivery")}


class AbandonedFilter(ChoiceFilter):
    title = _("abandoned")
    parameter_name = "abandoned"
    choices_offered = (("hour", _("for an hour")), ("day", _("for a day")), ("week", _("for a week")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Cart]) -> QuerySet[Cart]:
        ages = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}
        age = ages.get(self.value() or "")
        return cast(CartQuerySet, queryset).abandoned(timezone.now() - age) if age else queryset


class StepFilter(ChoiceFilter):
    title = _("last step")
    parameter_name = "step"
    choices_offered = tuple(STEPS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Cart]) -> QuerySet[Cart]:
        return cast(CartQuerySet, queryset).at_step(step) if (step := self.value()) in STEPS else queryset


class ValueFilter(ChoiceFilter):
    title = _("goods worth at least")
    parameter_name = "worth"
    choices_offered = (("100", "100"), ("300", "300"), ("1000", "1000"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Cart]) -> QuerySet[Cart]:
        minimum = self.value()
        offered = {value for value, _text in self.choices_offered}
        return queryset.filter(Q(subtotal__gte=Decimal(minimum))) if minimum in offered else queryset


class AgeFilter(ChoiceFilter):
    title = _("last activity")
    parameter_name = "touched"
    choices_offered = (
        ("hour", _("within an hour")),
        ("day", _("within a day")),
        ("idle", _("more than a day ago")),
        ("old", _("more than a week ago")),
    )

    def queryset(self, request: HttpRequest, queryset: QuerySet[Cart]) -> QuerySet[Cart]:
        now = timezone.now()
        bounds: dict[str, dict[str, Any]] = {
            "hour": {"updated_at__gte": now - timedelta(hours=1)},
            "day": {"updated_at__gte": now - timedelta(days=1)},
            "idle": {"updated_at__lt": now - timedelta(days=1)},
            "old": {"updated_at__lt": now - timedelta(days=7)},
        }
        return queryset.filter(**bounds.get(self.value() or "", {}))


class ContentsFilter(ChoiceFilter):
    title = _("contents")
    parameter_name = "contents"
    choices_offered = (("some", _("with goods")), ("none", _("empty")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Cart]) -> QuerySet[Cart]:
        wanted = {"some": {"units__gt": 0}, "none": {"units": 0}}.get(self.value() or "", {})
        return queryset.filter(**wanted)


@page("abandoned_carts", _("Abandoned carts"), permission="cart.view_cart")
def abandoned_carts(request: HttpRequest) -> HttpResponse:
    """A menu entry that opens the list of carts with the filter set."""
    return HttpResponseRedirect(f"{reverse('admin:cart_cart_changelist')}?abandoned=hour")


@admin.register(Cart)
class CartAdmin(PageAdmin[Cart]):
    list_display = (
        "short_token",
        "owner",
        "status_shown",
        "units_shown",
        "goods",
        "step_shown",
        "place",
        moment_of("updated_at", _("updated at")),
    )
    list_filter = (AbandonedFilter, StepFilter, ValueFilter, "status", AgeFilter, ContentsFilter)
    list_select_related = ("user",)
    ordering = ("-updated_at",)
    search_fields = ("token__startswith", "email__istartswith", "user__email__istartswith", "name__icontains")
    search_help_text = _("The start of the e-mail or of the cart's ID, or the name.")
    page_template = "admin/cart/cart/page.html"

    class Media:
        css = {"all": ["esteira/admin_cards.css", "cart/admin.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Cart]:
        return Cart.objects.with_step().with_value()

    def page_queryset(self, request: HttpRequest) -> QuerySet[Cart]:
        return Cart.objects.with_lines().with_user()

    def page_context(self, request: HttpRequest, cart: Cart) -> dict[str, Any]:
        lines = [_line(line) for line in cart.lines.all()]
        free = catalogue.available_now([line["product"].pk for line in lines])
        for line in lines:
            line["free"] = free.get(line["product"].pk, 0)
        subtotal = money.total(line["total"] for line in lines if line["product"].currency == cart.currency)
        return {
            "title": _("Cart %(token)s…") % {"token": cart.token[:TOKEN_SHOWN]},
            "lines": lines,
            "subtotal": subtotal,
            "total": subtotal + (cart.quote.price if cart.quote else Decimal(0)),
            "facts": self._facts(cart),
            "delivery": self._delivery(cart),
            "hold_matters": cart.status == CartStatus.OPEN,
            "orders_url": f"{reverse('admin:checkout_order_changelist')}?cart={cart.pk}",
        }

    def _facts(self, cart: Cart) -> list[Any]:
        return facts(
            (_("status"), status_tag(cart.status, CartStatus)),
            (_("user"), cart.user and cart.user.get_username()),
            (_("version"), cart.version),
            (_("created at"), moment(cart.created_at)),
            (_("updated at"), moment(cart.updated_at)),
            (_("expires at"), moment(cart.expires_at)),
        )

    def _delivery(self, cart: Cart) -> list[Any]:
        quote = cart.quote
        return facts(
            (_("e-mail"), cart.email),
            (_("phone"), phone(cart.phone)),
            (_("name"), cart.name),
            (_("CPF or CNPJ"), cart.masked_tax_id),
            (_("place"), self.place(cart)),
            (_("CEP"), cep(cart.postal_code)),
            (_("delivery"), quote and f"{quote.name}, {quote.min_days}–{quote.max_days} {_('working days')}"),
            (_("price valid until"), quote and moment(quote.expires_at)),
        )

    @admin.display(description=_("cart"), ordering="pk")
    def short_token(self, cart: Cart) -> SafeString:
        return format_html("<code>{}…</code>", cart.token[:TOKEN_SHOWN])

    @admin.display(description=_("owner"), ordering="email")
    def owner(self, cart: Cart) -> str:
        return (cart.user.get_username() if cart.user else cart.email) or str(_("a guest"))

    @admin.display(description=_("status"), ordering="status")
    def status_shown(self, cart: Cart) -> SafeString:
        return status_tag(cart.status, CartStatus)

    @admin.display(description=_("units"), ordering="units")
    def units_shown(self, cart: Cart) -> int:
        return cart.units  # type: ignore[attr-defined,no-any-return]

    @admin.display(description=_("goods"), ordering="subtotal")
    def goods(self, cart: Cart) -> SafeString | str:
        return amount(cart.subtotal, cart.currency)  # type: ignore[attr-defined]

    @admin.display(description=_("last step"))
    def step_shown(self, cart: Cart) -> str:
        return str(STEPS[cart.step])  # type: ignore[attr-defined]

    @admin.display(description=_("place"), ordering="state")
    def place(self, cart: Cart) -> str:
        return " · ".join(part for part in (cart.city, cart.state) if part) or NOTHING


def _line(line: CartLine) -> dict[str, Any]:
    return {
        "product": line.product,
        "quantity": line.quantity,
        "price": line.product.price,
        "total": money.line_total(line.product.price, line.quantity),
    }
