from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.utils.translation import gettext_lazy as _


class CartConfig(AppConfig):
    name = "cart"
    verbose_name = _("Carts")

    def ready(self) -> None:
        from cart import metrics, personal_data, receivers  # noqa: F401  metrics register themselves
        from cart.retention import CART_ADDRESSES, CARTS
        from cart.roles import GRANTS
        from config.accounts.roles import grant
        from config.personal_data.shares import hold
        from config.retention.rules import keep

        grant(GRANTS)
        hold(personal_data.CARTS)
        keep(CART_ADDRESSES, CARTS)
        user_logged_in.connect(receivers.merge_guest_cart, dispatch_uid="cart.merge_guest_cart")
