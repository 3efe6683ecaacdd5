"""Permissions of the staff roles on carts."""

GRANTS = {"viewer": {"cart.view_cart"}, "support": {"cart.view_cart"}}
