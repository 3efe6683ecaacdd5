"""Staff roles' permissions on shipping."""

_VIEW = {"shipping.view_quote", "shipping.view_shippingmethod", "shipping.view_shippingrate"}

GRANTS = {"viewer": _VIEW, "support": _VIEW}
