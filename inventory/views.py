"""The shop window: the catalogue, a product, and the pictures that we draw ourselves."""

from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from inventory import catalogue as shelves
from inventory import pictures
from inventory.exceptions import ProductNotFound
from inventory.forms import CatalogueForm

A_YEAR = 365 * 24 * 60 * 60


@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    search, category, page_number = CatalogueForm(request.GET).asked()
    page = shelves.catalogue_page(search, category or None, page_number)
    free = shelves.availability([product.id for product in page.products])
    asked = {"search": search, "category": category}
    return render(
        request,
        "inventory/catalogue.html",
        {
            "page": page,
            "cards": [(product, free.get(product.id, 0) > 0) for product in page.products],
            "search": search,
            "category": next((known for known in page.categories if known.slug == category), None),
            "previous_url": _address(asked, page.page - 1) if page.page > 1 else "",
            "next_url": _address(asked, page.page + 1) if page.page < page.pages else "",
        },
    )


def _address(asked: dict[str, str], page: int) -> str:
    parts = {name: value for name, value in asked.items() if value}
    if page > 1:
        parts["page"] = str(page)
    return reverse("inventory:catalogue") + (f"?{urlencode(parts)}" if parts else "")


@require_safe
def product(request: HttpRequest, slug: str) -> HttpResponse:
    try:
        found = shelves.product_by_slug(slug)
    except ProductNotFound as refusal:
        raise Http404(str(refusal)) from None
    free = shelves.availability([found.id]).get(found.id, 0)
    return render(request, "inventory/product.html", {"product": found, "free": free})


@require_safe
@cache_control(public=True, max_age=A_YEAR, immutable=True)
def picture(request: HttpRequest, category: str, sku: str) -> HttpResponse:
    """A drawing that depends on nothing but its own address, so that browsers may keep it."""
    return HttpResponse(pictures.draw(category, sku), content_type="image/svg+xml")
