"""REST API of products."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urljoin

from django.urls import path
from django.utils.encoding import iri_to_uri
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from config.api.conditional import IF_NONE_MATCH, NOT_MODIFIED, ConditionalView
from config.api.fields import Money, Output, Text, document, validated
from config.api.schema import refusals
from config.exceptions import NotFound, Refusal
from inventory import catalogue
from inventory.catalogue import CataloguePage, ProductFacts
from inventory.exceptions import ProductNotFound

# Documents of products, of about 2 kB each. A page of the list has 24.
KEPT = 2_000


# Of a mapping, as `_document` makes it.
class ProductSerializer(Output[Any]):
    sku = serializers.CharField()
    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    price = Money()
    currency = serializers.CharField(help_text="ISO 4217.")
    available = serializers.SerializerMethodField(help_text="Whether any are available; may be a few seconds stale.")
    image = serializers.SerializerMethodField(help_text="Absolute URL.")

    def get_available(self, product: Mapping[str, Any]) -> bool:
        return bool(product["available"])

    @extend_schema_field({"type": "string", "format": "uri"})
    def get_image(self, product: Mapping[str, Any]) -> str:
        return str(product["image"])


class ProductPageSerializer(Output[Any]):
    count = serializers.IntegerField(help_text="Number of matching products, over all pages.")
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = ProductSerializer(many=True)


class SearchSerializer(serializers.Serializer[Any]):
    """Query parameters of the product list."""

    search = Text(
        required=False,
        default="",
        allow_blank=True,
        max_length=200,
        help_text="Words that a product must all contain; ignores case and accents.",
    )
    page = serializers.IntegerField(required=False, default=1, min_value=1, help_text="Page number, starting at 1.")


@dataclass(frozen=True)
class Links:
    """URLs of the next and previous page."""

    url: str
    page: int
    pages: int

    @property
    def next(self) -> str | None:
        return replace_query_param(self.url, "page", self.page + 1) if self.page < self.pages else None

    @property
    def previous(self) -> str | None:
        if self.page == 1:
            return None
        if self.page == 2:
            return remove_query_param(self.url, "page")
        return replace_query_param(self.url, "page", self.page - 1)


class Products(ConditionalView):
    @extend_schema(
        operation_id="products_list",
        summary="List products for sale",
        parameters=[SearchSerializer, *IF_NONE_MATCH],
        responses={200: ProductPageSerializer, **NOT_MODIFIED, **refusals(NotFound, Refusal)},
        tags=["products"],
    )
    def get(self, request: Request) -> Response:
        """One page of matching products, newest first. A page beyond the last returns `not_found`."""
        try:
            query = validated(SearchSerializer, request.query_params)
        except serializers.ValidationError as refused:
            if "page" in refused.detail:
                raise NotFound from refused
            raise
        found = catalogue.catalogue_page(query["search"], None, query["page"])
        if query["page"] != found.page:
            raise NotFound
        return Response(_page_document(found, request))


class ProductDetail(ConditionalView):
    @extend_schema(
        operation_id="products_retrieve",
        summary="Read a product",
        parameters=IF_NONE_MATCH,
        responses={200: ProductSerializer, **NOT_MODIFIED, **refusals(ProductNotFound)},
        tags=["products"],
    )
    def get(self, request: Request, sku: str) -> Response:
        shelf = catalogue.Shelf()
        return Response(_documents([catalogue.product_by_sku(sku, shelf)], shelf.free, request)[0])


def _page_document(found: CataloguePage, request: Request) -> dict[str, Any]:
    links = Links(request.build_absolute_uri(), found.page, found.pages)
    free = catalogue.availability([product.id for product in found.products])
    results = _documents(found.products, free, request)
    return {"count": found.count, "next": links.next, "previous": links.previous, "results": results}


def _documents(products: Sequence[ProductFacts], free: dict[int, int], request: Request) -> list[dict[str, Any]]:
    root = request.build_absolute_uri("/")
    return [_document(product, available=free.get(product.id, 0) > 0, root=root) for product in products]


@lru_cache(maxsize=KEPT)
def _document(product: ProductFacts, *, available: bool, root: str) -> dict[str, Any]:
    """Kept by all that it shows, so there is nothing to forget when a product changes. Not to be changed."""
    shown = {name: getattr(product, name) for name in ("sku", "slug", "name", "description", "price", "currency")}
    image = iri_to_uri(urljoin(root, product.picture_url))
    return document(ProductSerializer, {**shown, "available": available, "image": image})


urlpatterns = [
    path("products/", Products.as_view(), name="products"),
    path("products/<path:sku>/", ProductDetail.as_view(), name="product"),
]
