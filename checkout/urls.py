"""The checkout page, the order pages, and help."""

from django.urls import include, path

from checkout.models import PolicyPage
from checkout.views import addresses, orders, page, paying, receipts, returns
from checkout.views.help import help_page, policy_page

_pages = [
    path("checkout/", page.checkout, name="checkout"),
    path("checkout/contact/", page.contact, name="contact"),
    path("checkout/saved-address/", addresses.deliver_to_saved, name="deliver_to_saved"),
    path("checkout/delivery/", page.delivery, name="delivery"),
    path("checkout/pay/", paying.pay, name="pay"),
    path("checkout/resume/", paying.resume, name="resume"),
    path("account/addresses/", addresses.addresses, name="addresses"),
    path("account/addresses/<uuid:address_id>/remove/", addresses.remove_address, name="remove_address"),
    path("orders/", orders.orders, name="orders"),
    path("orders/find/", orders.find_order, name="find_order"),
    path("orders/<slug:number>/", orders.order, name="order"),
    path("orders/<slug:number>/progress/", orders.progress, name="progress"),
    path("orders/<slug:number>/return/", orders.return_from_bank, name="return"),
    path("orders/<slug:number>/another-way/", orders.another_way, name="another_way"),
    path("orders/<slug:number>/returns/", returns.give_back, name="give_back"),
    path("orders/<slug:number>/receipt/", receipts.receipt, name="receipt"),
    path("orders/<slug:number>/receipt/make/", receipts.make_receipt, name="make_receipt"),
    path("orders/<slug:number>/receipt/progress/", receipts.receipt_progress, name="receipt_progress"),
    path("orders/<slug:number>/receipt/pdf/", receipts.receipt_pdf, name="receipt_pdf"),
]

urlpatterns = [
    # Outside the namespace: every page links to these.
    path("help/", help_page, name="help"),
    *(path(f"{page}/", policy_page, {"page": page}, name=page) for page in PolicyPage.values),
    path("", include((_pages, "checkout"))),
]
