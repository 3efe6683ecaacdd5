"""`/api/v1/`: every address of the REST API, its OpenAPI document, and the page to try it on."""

from csp.constants import UNSAFE_INLINE
from csp.decorators import csp_update
from django.urls import URLPattern, URLResolver, include, path, register_converter
from django.urls.converters import StringConverter
from django.utils.decorators import method_decorator
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView


class TokenConverter(StringConverter):
    """A cart's id: 43 characters of URL-safe base 64. Anything else is no address."""

    regex = "[A-Za-z0-9_-]{43}"


class OrderNumberConverter(StringConverter):
    """An order's number, in either case."""

    regex = "[0-9A-Za-z]{10}"


register_converter(TokenConverter, "cart_id")
register_converter(OrderNumberConverter, "order_number")


# Swagger UI draws with inline styles; its script has an address of its own, so that scripts stay under the shop's rule.
@method_decorator(csp_update({"style-src": [UNSAFE_INLINE]}), name="dispatch")
class Docs(SpectacularSwaggerSplitView):
    url_name = "api:schema"


app_name = "api"
urlpatterns: list[URLPattern | URLResolver] = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", Docs.as_view(), name="docs"),
    path("", include("inventory.api")),
    path("", include("cart.api")),
    path("", include("checkout.api")),
    path("", include("config.accounts.api_urls")),
]
