"""What each role of the staff may do with goods."""

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
    # Works in the warehouse: counts goods, keeps the catalogue, hands parcels over.
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
