"""`/api/v1/`: the URLs of the REST API, its OpenAPI document, and Swagger UI."""

from csp.constants import UNSAFE_INLINE
from csp.decorators import csp_update
from django.urls import URLPattern, URLResolver, include, path
from django.utils.decorators import method_decorator
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView


# Swagger UI needs inline styles; its script has a URL of its own, so that the CSP for scripts needs no exception.
@method_decorator(csp_update({"style-src": [UNSAFE_INLINE]}), name="dispatch")
class Docs(SpectacularSwaggerSplitView):
    url_name = "api:schema"


app_name = "api"
urlpatterns: list[URLPattern | URLResolver] = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", Docs.as_view(), name="docs"),
    path("", include("inventory.api")),
    path("", include("shipping.api")),
    path("", include("cart.api")),
    path("", include("checkout.api")),
    path("", include("config.accounts.api_urls")),
]
