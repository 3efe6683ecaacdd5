"""Permissions of the staff roles on products and stock."""

_VIEW = {
    "inventory.view_category",
    "inventory.view_product",
    "inventory.view_reservation",
    "inventory.view_stock",
    "inventory.view_warehouse",
}

GRANTS = {
    "viewer": _VIEW,
    "support": _VIEW,
    # Warehouse staff: count stock, maintain the catalogue, hand parcels over.
    "stock": _VIEW
    | {
        "inventory.add_category",
        "inventory.add_product",
        "inventory.adjust_stock",
        "inventory.change_category",
        "inventory.change_product",
        "inventory.export_stock",
    },
}
