"""The API calls of the load, served by the old shop; targets of links and pictures, by the new one."""

from django.db.models.signals import post_save
from django.urls import include, path

from inventory.models import Stock
from tests.load.before import views

# It keeps no copies in Redis that a change of stock would have to drop.
post_save.disconnect(sender=Stock, dispatch_uid="inventory.stock_saved")

_api = [
    path("products/", views.products, name="products"),
    path("products/<path:sku>/", views.product, name="product"),
    path("carts/", views.new_cart, name="carts"),
    path("carts/<str:token>/", views.cart, name="cart"),
    path("carts/<str:token>/lines/", views.add_line, name="cart_lines"),
    path("carts/<str:token>/delivery/", views.delivery, name="cart_delivery"),
    path("carts/<str:token>/shipping-options/", views.shipping_options, name="cart_shipping_options"),
    path("carts/<str:token>/shipping/", views.choose_shipping, name="cart_shipping"),
    path("carts/<str:token>/checkout/", views.checkout, name="checkout"),
    path("orders/<str:number>/", views.order, name="order"),
]

urlpatterns = [path("api/v1/", include(_api)), path("", include("config.urls"))]
