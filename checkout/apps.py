from allauth.account.signals import email_confirmed
from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.core.checks import register
from django.utils.translation import gettext_lazy as _


class CheckoutConfig(AppConfig):
    name = "checkout"
    verbose_name = _("Orders")

    def ready(self) -> None:
        from checkout import checks, metrics, personal_data, receivers  # noqa: F401  metrics register themselves
        from checkout.attention import ITEMS
        from checkout.retention import (
            ERASED_ORDERS,
            IDEMPOTENCY_KEYS,
            ORDERS,
            OUTBOX_MESSAGES,
            RECEIPTS,
            UNPAID_ORDERS,
        )
        from checkout.roles import GRANTS
        from checkout.signals import order_placed
        from config.accounts.roles import grant
        from config.personal_data.shares import hold
        from config.retention.rules import keep
        from config.telemetry import attention

        grant(GRANTS)
        keep(ERASED_ORDERS, IDEMPOTENCY_KEYS, ORDERS, OUTBOX_MESSAGES, RECEIPTS, UNPAID_ORDERS)
        hold(personal_data.ORDERS)
        register(checks.check_unpaid_bounds, "checkout")
        register(checks.check_seller, "checkout")
        register(checks.check_new_order_mails, "checkout")
        register(checks.check_seller_is_named, "checkout", deploy=True)
        attention.register(*ITEMS)
        order_placed.connect(receivers.forget_cart_copy, dispatch_uid="checkout.forget_cart_copy")
        order_placed.connect(receivers.nudge_outbox, dispatch_uid="checkout.nudge_outbox")
        email_confirmed.connect(receivers.give_orders_to_address, dispatch_uid="checkout.give_orders_to_address")
        user_logged_in.connect(receivers.give_orders_to_owner, dispatch_uid="checkout.give_orders_to_owner")
