"""Products and stock in the admin: what is sold, where it is stored, and which orders hold it."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from config.backoffice.base import (
    Audited,
    ChoiceFilter,
    FactsAdmin,
    FactsInline,
    RefusalsAsMessages,
    amount,
    moment,
    moment_of,
    reference_link,
    status_tag,
    tag,
)
from config.backoffice.exports import Exported
from config.db.statuses import BAD, BUSY, GOOD
from config.form_fields import CountField
from inventory import services
from inventory.models import Category, Product, Reservation, ReservationLine, ReservationStatus, Stock, Warehouse

FEW = 5  # low stock: this many available units or fewer


def free_tag(free: int) -> SafeString:
    """How many units can be sold, coloured if few or none are left."""
    if free <= 0:
        return tag(_("sold out"), BAD)
    return tag(free, BUSY if free <= FEW else GOOD)


@admin.register(Category)
class CategoryAdmin(Audited[Category]):
    list_display = ("name", "slug", "position")
    list_editable = ("position",)
    search_fields = ("name",)
    prepopulated_fields = {"slug": ("name",)}


class FreeFilter(ChoiceFilter):
    """Needs an annotation, named by `annotation`, with the units that can be sold."""

    title = _("availability")
    parameter_name = "free"
    annotation = "available_quantity"
    choices_offered = (("none", _("sold out")), ("few", _("few left")), ("some", _("in stock")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = {"none": {"lte": 0}, "few": {"gt": 0, "lte": FEW}, "some": {"gt": 0}}.get(self.value() or "", {})
        return queryset.filter(**{f"{self.annotation}__{lookup}": bound for lookup, bound in wanted.items()})


@admin.register(Product)
class ProductAdmin(RefusalsAsMessages[Product]):
    list_display = (
        "picture",
        "name_and_sku",
        "category",
        "price_shown",
        "free",
        "active",
        moment_of("updated_at", _("changed")),
    )
    list_display_links = ("name_and_sku",)
    list_filter = ("active", FreeFilter, "category")
    list_select_related = ("category",)
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("search_text",)
    search_help_text = _("Words from the SKU, name or category; accents are ignored.")
    prepopulated_fields = {"slug": ("name",)}
    readonly_fields = ("updated_at",)
    actions = ("put_on_sale", "take_off_sale")
    fieldsets = (
        (None, {"fields": ("name", "sku", "slug", "category", "description", "image")}),
        (_("Price"), {"fields": (("price", "currency"), "active")}),
        (_("Parcel"), {"fields": ("weight_grams", ("length_cm", "width_cm", "height_cm"))}),
        (None, {"fields": ("updated_at",)}),
    )

    class Media:
        css = {"all": ["esteira/admin_cards.css", "inventory/admin.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        return Product.objects.with_category().with_available()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Product], search_term: str
    ) -> tuple[QuerySet[Product], bool]:
        matches = Product.objects.search(search_term).order_by().values("pk")
        return (queryset.filter(pk__in=matches) if search_term.strip() else queryset), False

    @admin.display(description="")
    def picture(self, product: Product) -> SafeString:
        return format_html(
            '<img class="thumbnail" src="{}" width="44" height="44" loading="lazy" alt="">', product.picture_url
        )

    @admin.display(description=_("product"), ordering="name")
    def name_and_sku(self, product: Product) -> SafeString:
        return format_html("{}<small>{}</small>", product.name, product.sku)

    @admin.display(description=_("price"), ordering="price")
    def price_shown(self, product: Product) -> SafeString | str:
        return amount(product.price, product.currency)

    @admin.display(description=_("can be sold"), ordering="available_quantity")
    def free(self, product: Product) -> SafeString:
        return free_tag(product.available_quantity)  # type: ignore[attr-defined]

    @admin.action(description=_("Put the selected products on sale"), permissions=["change"])
    def put_on_sale(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        self._set_active(request, queryset, active=True)

    @admin.action(description=_("Take the selected products off sale"), permissions=["change"])
    def take_off_sale(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        self._set_active(request, queryset, active=False)

    def _set_active(self, request: HttpRequest, queryset: QuerySet[Product], *, active: bool) -> None:
        chosen = Product.objects.with_category().filter(pk__in=queryset.values("pk"))
        count = services.set_active(chosen, active=active, by=request.user)
        done = (
            ngettext("%(count)s product is on sale now.", "%(count)s products are on sale now.", count)
            if active
            else ngettext("%(count)s product is off sale now.", "%(count)s products are off sale now.", count)
        )
        self.message_user(request, done % {"count": count}, messages.SUCCESS)


@admin.register(Warehouse)
class WarehouseAdmin(Audited[Warehouse]):
    list_display = ("name", "code", "postal_code", "priority", "active")
    list_filter = ("active",)
    search_fields = ("name", "code")


class StockForm(forms.ModelForm[Stock]):
    """The new quantity and the reason. `seen` is the quantity when the form was opened."""

    seen = forms.IntegerField(required=False, widget=forms.HiddenInput)
    on_hand = CountField(label=_("on hand"), min_value=0)
    reason = forms.CharField(
        label=_("reason"), max_length=200, help_text=_("Counted, delivered, broken, … Kept in the history.")
    )

    class Meta:
        model = Stock
        fields = ("product", "warehouse")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["on_hand"] = self.initial["seen"] = self.instance.on_hand


class StockFreeFilter(FreeFilter):
    annotation = "free"


def holds_on(stock: Stock) -> list[dict[str, Any]]:
    """The holds that make up `reserved`, with their orders; committed stock is not listed."""
    return [
        {
            "order": reference_link(line.reservation.reference),
            "quantity": line.quantity,
            "until": moment(line.expires_at),
            "payment": _("waiting for the shopper") if line.unpaid else _("being made"),
        }
        for line in ReservationLine.objects.held_on(stock.pk)
    ]


@admin.register(Stock)
class StockAdmin(Exported[Stock], RefusalsAsMessages[Stock]):
    form = StockForm
    export_columns = (
        (_("SKU"), lambda stock: stock.product.sku),
        (_("product"), lambda stock: stock.product.name),
        (_("warehouse"), lambda stock: stock.warehouse.name),
        (_("on hand"), lambda stock: stock.on_hand),
        (_("reserved"), lambda stock: stock.reserved),
        (_("can be sold"), lambda stock: stock.free),
    )
    list_display = ("name_and_sku", "warehouse", "on_hand", "reserved", "free_shown")
    list_filter = ("warehouse", StockFreeFilter)
    list_select_related = ("product", "warehouse")
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("product__search_text",)
    search_help_text = _("Words from the SKU, name or category; accents are ignored.")
    autocomplete_fields = ("product",)
    ordering = ("product__name", "warehouse__priority", "id")

    class Media:
        css = {"all": ["inventory/admin.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Stock]:
        return Stock.objects.with_free()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Stock], search_term: str
    ) -> tuple[QuerySet[Stock], bool]:
        matches = Product.objects.search(search_term).order_by().values("pk")
        return (queryset.filter(product__in=matches) if search_term.strip() else queryset), False

    def has_delete_permission(self, request: HttpRequest, obj: Stock | None = None) -> bool:
        """Past sales reference the stock row: set it to zero instead."""
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("inventory.adjust_stock")

    def has_change_permission(self, request: HttpRequest, obj: Stock | None = None) -> bool:
        return request.user.has_perm("inventory.adjust_stock")

    def get_readonly_fields(self, request: HttpRequest, obj: Stock | None = None) -> tuple[str, ...]:
        return () if obj is None else ("product", "warehouse", "reserved", "free_shown")

    def get_fields(self, request: HttpRequest, obj: Stock | None = None) -> tuple[str, ...]:
        if obj is None:
            return ("product", "warehouse", "on_hand", "reason")
        facts = ("product", "warehouse", "reserved", "free_shown", "on_hand")
        return (*facts, "reason", "seen") if self.has_change_permission(request, obj) else facts

    def save_model(self, request: HttpRequest, obj: Stock, form: Any, change: bool) -> None:
        """Raises StockRefused, with nothing written; `RefusalsAsMessages` shows the reason."""
        typed = form.cleaned_data
        saved = services.set_stock(
            obj.product.sku,
            typed["on_hand"],
            obj.warehouse.code,
            seen=typed["seen"],
            reason=typed["reason"],
            by=request.user,
        )
        obj.pk, obj.on_hand, obj.reserved = saved.pk, saved.on_hand, saved.reserved

    def log_addition(self, request: HttpRequest, obj: Stock, message: Any) -> Any:
        """The service has already recorded it."""

    log_change = log_addition

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        if stock := context.get("original"):
            context["subtitle"] = f"{stock.product}, {stock.warehouse}"
            context["holds"] = holds_on(stock)
            context["elsewhere"] = Stock.objects.elsewhere(stock)
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=_("product"), ordering="product__name")
    def name_and_sku(self, stock: Stock) -> SafeString:
        return format_html("{}<small>{}</small>", stock.product.name, stock.product.sku)

    @admin.display(description=_("can be sold"), ordering="free")
    def free_shown(self, stock: Stock) -> SafeString:
        return free_tag(stock.free)  # type: ignore[attr-defined]


class ReservedGoodsInline(FactsInline):
    model = ReservationLine
    fields = readonly_fields = ("product", "warehouse", "quantity", "returned", "held")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReservationLine]:
        return ReservationLine.objects.with_goods()

    @admin.display(description=_("product"))
    def product(self, line: ReservationLine) -> str:
        return f"{line.stock.product} ({line.stock.product.sku})"

    @admin.display(description=_("warehouse"))
    def warehouse(self, line: ReservationLine) -> str:
        return str(line.stock.warehouse)


class HoldFilter(ChoiceFilter):
    title = _("hold")
    parameter_name = "hold"
    choices_offered = (("live", _("holding goods now")), ("expired", _("past its expiry")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Reservation]) -> QuerySet[Reservation]:
        held, now = queryset.filter(status=ReservationStatus.HELD), timezone.now()
        if self.value() == "live":
            return held.filter(expires_at__gt=now)
        return held.filter(expires_at__lte=now) if self.value() == "expired" else queryset


@admin.register(Reservation)
class ReservationAdmin(FactsAdmin[Reservation]):
    list_display = (
        "reference",
        "status_shown",
        moment_of("created_at", _("created")),
        moment_of("expires_at", _("held until")),
    )
    list_filter = ("status", HoldFilter)
    search_fields = ("reference__istartswith",)
    search_help_text = _("The order number.")
    fields = readonly_fields = ("order", "status_shown", "created_at", "expires_at")
    inlines = (ReservedGoodsInline,)

    @admin.display(description=_("order"))
    def order(self, reservation: Reservation) -> SafeString | str:
        return reference_link(reservation.reference)

    @admin.display(description=_("status"), ordering="status")
    def status_shown(self, reservation: Reservation) -> SafeString:
        return status_tag(reservation.status, ReservationStatus)
