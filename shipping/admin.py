"""Shipping methods, rates and quotes in the admin."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from config.backoffice.base import Audited, ChoiceFilter, FactsAdmin, amount, moment_of
from config.formats import cep
from shipping.models import Quote, ShippingMethod, ShippingRate
from shipping.postal_codes import state_names


@admin.register(ShippingMethod)
class ShippingMethodAdmin(Audited[ShippingMethod]):
    list_display = ("__str__", "code", "active", "position")
    list_editable = ("active", "position")

    def has_delete_permission(self, request: HttpRequest, obj: ShippingMethod | None = None) -> bool:
        """Methods are deactivated instead: deleting one would delete its rates."""
        return False


class StateFilter(ChoiceFilter):
    title = _("state")
    parameter_name = "state"
    choices_offered = tuple((state, state) for state in state_names)

    def queryset(self, request: HttpRequest, queryset: QuerySet[ShippingRate]) -> QuerySet[ShippingRate]:
        return queryset.filter(state=self.value()) if self.value() else queryset


@admin.register(ShippingRate)
class ShippingRateAdmin(Audited[ShippingRate]):
    list_display = ("method", "state", "reach", "weights", "price_shown", "days")
    list_display_links = ("method", "state")
    list_filter = ("method", StateFilter)
    list_select_related = ("method",)
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("postal_code_from",)
    search_help_text = _("A CEP, to find the rates that cover it.")
    fieldsets = (
        (None, {"fields": ("method", "state", ("postal_code_from", "postal_code_to"))}),
        (_("Box"), {"fields": (("weight_from_grams", "weight_to_grams"), ("price", "currency"))}),
        (_("Time"), {"fields": (("min_days", "max_days"),)}),
    )

    class Media:
        css = {"all": ["shipping/admin.css"]}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ShippingRate], search_term: str
    ) -> tuple[QuerySet[ShippingRate], bool]:
        """Digits of a CEP, with or without the dash; a prefix is enough."""
        digits = "".join(character for character in search_term if character.isdigit())[:8]
        if not search_term.strip():
            return queryset, False
        if not digits:
            return queryset.none(), False
        first, last = digits.ljust(8, "0"), digits.ljust(8, "9")
        return queryset.filter(postal_code_from__lte=last, postal_code_to__gte=first), False

    @admin.display(description=_("postal codes"), ordering="postal_code_from")
    def reach(self, rate: ShippingRate) -> str:
        return f"{cep(rate.postal_code_from)} – {cep(rate.postal_code_to)}"

    @admin.display(description=_("weight in grams"), ordering="weight_to_grams")
    def weights(self, rate: ShippingRate) -> str:
        return f"{rate.weight_from_grams} – {rate.weight_to_grams}"

    @admin.display(description=_("price"), ordering="price")
    def price_shown(self, rate: ShippingRate) -> SafeString | str:
        return amount(rate.price, rate.currency)

    @admin.display(description=_("working days"), ordering="min_days")
    def days(self, rate: ShippingRate) -> str:
        return f"{rate.min_days} – {rate.max_days}"


class ExpiryFilter(ChoiceFilter):
    title = _("validity")
    parameter_name = "valid"
    choices_offered = (("yes", _("still valid")), ("no", _("expired")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Quote]) -> QuerySet[Quote]:
        if self.value() == "no":
            return queryset.expired_before(timezone.now())  # type: ignore[attr-defined,no-any-return]
        return queryset.filter(expires_at__gte=timezone.now()) if self.value() else queryset


@admin.register(Quote)
class QuoteAdmin(FactsAdmin[Quote]):
    """The reference is left out: it is a cart's token, which grants access to the cart."""

    list_display = (
        moment_of("created_at", _("created")),
        "name",
        "price_shown",
        "cep_shown",
        "days",
        moment_of("expires_at", _("expires")),
    )
    list_filter = (ExpiryFilter, "method_code")
    search_fields = ("postal_code__startswith",)
    search_help_text = _("The first digits of a CEP.")
    fields = readonly_fields = (
        "name", "price_shown", "cep_shown", "days", "created_at", "expires_at", "parcel_fingerprint",
    )  # fmt: skip

    class Media:
        css = {"all": ["shipping/admin.css"]}

    @admin.display(description=_("method name"), ordering="method_name")
    def name(self, quote: Quote) -> str:
        return quote.name

    @admin.display(description=_("price"), ordering="price")
    def price_shown(self, quote: Quote) -> SafeString | str:
        return amount(quote.price, quote.currency)

    @admin.display(description=_("CEP"), ordering="postal_code")
    def cep_shown(self, quote: Quote) -> str:
        return cep(quote.postal_code)

    @admin.display(description=_("working days"))
    def days(self, quote: Quote) -> str:
        return f"{quote.min_days} – {quote.max_days}"
