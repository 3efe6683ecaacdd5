"""The storefront, at the root of the site."""

from django.urls import path

from inventory import views

app_name = "inventory"

urlpatterns = [
    path("", views.catalogue, name="catalogue"),
    path("products/<slug:slug>/", views.product, name="product"),
    path("pictures/<slug:category>/<path:sku>.svg", views.picture, name="picture"),
]
