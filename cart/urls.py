"""The cart page and its actions."""

from django.urls import path

from cart import views

app_name = "cart"

urlpatterns = [
    path("", views.cart, name="cart"),
    path("add/", views.add, name="add"),
    path("line/<path:sku>/", views.line, name="line"),
    path("delivery/", views.delivery, name="delivery"),
    path("shipping/", views.shipping, name="shipping"),
    path("postal-code/", views.postal_code, name="postal_code"),
]
