"""What each role of the staff may do with carts."""

GRANTS = {"viewer": {"cart.view_cart"}, "support": {"cart.view_cart"}}
