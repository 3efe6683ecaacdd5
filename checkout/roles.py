"""What each role of the staff may do with orders and their mail."""

_VIEW = {"checkout.view_order", "checkout.view_outboxmessage"}

GRANTS = {
    "viewer": _VIEW,
    # Talks with shoppers. Cancels what is not paid yet; money that has come goes back through finance.
    "support": _VIEW
    | {"checkout.ask_provider", "checkout.cancel_order", "checkout.resend_mail", "checkout.see_as_shopper"},
    "finance": _VIEW | {"checkout.ask_provider", "checkout.export_order", "checkout.refund_order"},
    "stock": {"checkout.view_order", "checkout.ship_order"},
}
