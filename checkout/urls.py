"""From the cart to the door: the checkout page and the order's pages."""

from django.urls import path

from checkout.views import orders, page, paying

app_name = "checkout"

urlpatterns = [
    path("checkout/", page.checkout, name="checkout"),
    path("checkout/contact/", page.contact, name="contact"),
    path("checkout/delivery/", page.delivery, name="delivery"),
    path("checkout/pay/", paying.pay, name="pay"),
    path("checkout/resume/", paying.resume, name="resume"),
    path("orders/", orders.orders, name="orders"),
    path("orders/find/", orders.find_order, name="find_order"),
    path("orders/<slug:number>/", orders.order, name="order"),
    path("orders/<slug:number>/progress/", orders.progress, name="progress"),
    path("orders/<slug:number>/return/", orders.return_from_bank, name="return"),
    path("orders/<slug:number>/another-way/", orders.another_way, name="another_way"),
]
