"""What each staff role may do with orders and their mails."""

_VIEW = {"checkout.view_order", "checkout.view_outboxmessage"}

GRANTS = {
    "viewer": _VIEW,
    # Talks to shoppers. Cancels unpaid orders; refunds are up to finance.
    "support": _VIEW
    | {
        "checkout.ask_provider",
        "checkout.cancel_order",
        "checkout.resend_mail",
        "checkout.see_as_shopper",
        "checkout.see_tax_id",
    },
    "finance": _VIEW
    | {"checkout.ask_provider", "checkout.export_order", "checkout.refund_order", "checkout.see_tax_id"},
    "stock": {"checkout.view_order", "checkout.ship_order"},
}
