"""The storefront: catalogue, product page and drawn pictures."""

from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from config.pages.conditional import render_unless_known
from inventory import pictures
from inventory.catalogue import Shelf, availability, catalogue_page, product_by_slug
from inventory.exceptions import ProductNotFound
from inventory.forms import CatalogueForm

ONE_YEAR = 365 * 24 * 60 * 60


@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    search, category, page_number = CatalogueForm.read(request.GET)
    page = catalogue_page(search, category or None, page_number)
    free = availability([product.id for product in page.products])
    cards = [(product, free.get(product.id, 0) > 0) for product in page.products]
    query = {"search": search, "category": category}
    return render_unless_known(
        request,
        "inventory/catalogue.html",
        {
            "page": page,
            "cards": cards,
            "search": search,
            "category": next((known for known in page.categories if known.slug == category), None),
            "previous_url": _page_url(query, page.page - 1) if page.page > 1 else "",
            "next_url": _page_url(query, page.page + 1) if page.page < page.pages else "",
        },
        shows=[page, [available for _product, available in cards]],
    )


def _page_url(query: dict[str, str], page: int) -> str:
    parts = {name: value for name, value in query.items() if value}
    if page > 1:
        parts["page"] = str(page)
    return reverse("inventory:catalogue") + (f"?{urlencode(parts)}" if parts else "")


@require_safe
def product(request: HttpRequest, slug: str) -> HttpResponse:
    shelf = Shelf()
    try:
        found = product_by_slug(slug, shelf)
    except ProductNotFound as refusal:
        raise Http404(str(refusal)) from None
    free = shelf.free.get(found.id, 0)
    return render_unless_known(request, "inventory/product.html", {"product": found, "free": free}, shows=[found, free])


@require_safe
@cache_control(public=True, max_age=ONE_YEAR, immutable=True)
def picture(request: HttpRequest, category: str, sku: str) -> HttpResponse:
    """A drawing determined by its URL alone, so browsers may cache it."""
    return HttpResponse(pictures.draw(category, sku), content_type="image/svg+xml")
