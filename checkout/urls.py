"""From the cart to the door: the checkout page and the order's pages."""

from django.urls import path

from checkout import views

app_name = "checkout"

urlpatterns = [
    path("checkout/", views.checkout, name="checkout"),
    path("checkout/contact/", views.contact, name="contact"),
    path("checkout/delivery/", views.delivery, name="delivery"),
    path("checkout/pay/", views.pay, name="pay"),
    path("checkout/resume/", views.resume, name="resume"),
    path("orders/", views.orders, name="orders"),
    path("orders/find/", views.find_order, name="find_order"),
    path("orders/<slug:number>/", views.order, name="order"),
    path("orders/<slug:number>/progress/", views.progress, name="progress"),
    path("orders/<slug:number>/return/", views.return_from_bank, name="return"),
    path("orders/<slug:number>/another-way/", views.another_way, name="another_way"),
]
