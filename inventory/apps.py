from django.apps import AppConfig
from django.db.models.signals import post_delete, post_save
from django.utils.translation import gettext_lazy as _


class InventoryConfig(AppConfig):
    name = "inventory"
    verbose_name = _("Inventory")

    def ready(self) -> None:
        from config.accounts.roles import grant
        from inventory import metrics, receivers  # noqa: F401  metrics register themselves
        from inventory.models import Category, Product, Stock
        from inventory.roles import GRANTS

        grant(GRANTS)
        for signal, when in ((post_save, "saved"), (post_delete, "deleted")):
            signal.connect(receivers.product_changed, Product, dispatch_uid=f"inventory.product_{when}")
            signal.connect(receivers.stock_changed, Stock, dispatch_uid=f"inventory.stock_{when}")
        post_save.connect(receivers.category_changed, Category, dispatch_uid="inventory.category_saved")
        post_delete.connect(receivers.category_deleted, Category, dispatch_uid="inventory.category_deleted")
