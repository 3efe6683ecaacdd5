"""What each staff role may do with orders, returns, mails and the texts of the shop."""

_VIEW = {"checkout.view_order", "checkout.view_outboxmessage", "checkout.view_policy"}

GRANTS = {
    "viewer": _VIEW,
    # Talks to shoppers. Cancels unpaid orders; refunds are up to finance.
    "support": _VIEW
    | {
        "checkout.answer_return",
        "checkout.ask_provider",
        "checkout.cancel_order",
        "checkout.change_policy",
        "checkout.resend_mail",
        "checkout.see_as_shopper",
        "checkout.see_tax_id",
    },
    "finance": _VIEW
    | {"checkout.ask_provider", "checkout.export_order", "checkout.refund_order", "checkout.see_tax_id"},
    "stock": {"checkout.view_order", "checkout.ship_order", "checkout.inspect_return"},
}
