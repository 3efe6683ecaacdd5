"""What each kind of staff may do. The code decides: after each migration the four groups are as they stand here.

A permission of its own for each verb, never the blunt "change": who may send a mail again need not move money. Staff
may be in several groups; whoever needs another mixture makes a group of another name, which is left alone. Dropping a
name of the cache and closing a breaker are in none of the four: they are for whoever runs the machinery.
"""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import Group, Permission

_GOODS = {
    "inventory.view_category",
    "inventory.view_product",
    "inventory.view_reservation",
    "inventory.view_stock",
    "inventory.view_warehouse",
}
_ORDERS = {"checkout.view_order"}
_MAIL = {"checkout.view_outboxmessage"}
_MONEY = {
    "payments.view_payment",
    "payments.view_paymentattempt",
    "payments.view_refund",
    "payments.view_straycharge",
    "payments.view_webhookevent",
}
_SHOPPING = {"cart.view_cart", "shipping.view_quote", "shipping.view_shippingmethod", "shipping.view_shippingrate"}
_LOG = {"audit.view_entry"}

ROLES: Mapping[str, frozenset[str]] = {
    "viewer": frozenset(_GOODS | _ORDERS | _MAIL | _MONEY | _SHOPPING | _LOG | {"config.view_machinery"}),
    # Talks with shoppers. Cancels what is not paid yet; money that has come goes back through finance.
    "support": frozenset(
        _GOODS | _ORDERS | _MAIL | _MONEY | _SHOPPING
        | {
            "checkout.ask_provider",
            "checkout.cancel_order",
            "checkout.resend_mail",
            "checkout.see_as_shopper",
            "config.view_machinery",
        }
    ),
    "finance": frozenset(
        _ORDERS | _MAIL | _MONEY | _LOG
        | {
            "audit.export_entry",
            "checkout.ask_provider",
            "checkout.export_order",
            "checkout.refund_order",
            "payments.change_straycharge",
            "payments.export_payment",
            "payments.export_refund",
        }
    ),
    # Works in the warehouse: counts goods, keeps the catalogue, hands parcels over.
    "stock": frozenset(
        _GOODS | _ORDERS
        | {
            "checkout.ship_order",
            "inventory.add_category",
            "inventory.add_product",
            "inventory.adjust_stock",
            "inventory.change_category",
            "inventory.change_product",
            "inventory.export_stock",
        }
    ),
}  # fmt: skip


def keep_roles(**_signal: Any) -> None:
    """Receiver, after the last app's migrations: makes the groups, or brings them back in step. Safe to repeat.

    On the way to an older state some permissions may not exist yet; a test sees to it that in the end all do.
    """
    permissions = {
        f"{app}.{name}": pk
        for pk, app, name in Permission.objects.values_list("pk", "content_type__app_label", "codename")
    }
    Group.objects.bulk_create([Group(name=name) for name in ROLES], ignore_conflicts=True)
    groups = Group.objects.filter(name__in=ROLES).values_list("name", "pk")
    wanted = {(group, permissions[each]) for name, group in groups for each in ROLES[name] if each in permissions}
    grants = Group.permissions.through.objects
    held = {
        (group, permission): pk
        for pk, group, permission in grants.filter(group__name__in=ROLES).values_list("pk", "group", "permission")
    }
    grants.filter(pk__in=[held[pair] for pair in held.keys() - wanted]).delete()
    grants.bulk_create([grants.model(group_id=group, permission_id=each) for group, each in wanted - held.keys()])
