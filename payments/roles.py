"""Staff roles' permissions on payments."""

_VIEW = {
    "payments.view_dispute",
    "payments.view_payment",
    "payments.view_paymentattempt",
    "payments.view_refund",
    "payments.view_straycharge",
    "payments.view_webhookevent",
}

GRANTS = {
    "viewer": _VIEW,
    "support": _VIEW,
    "finance": _VIEW
    | {"payments.change_dispute", "payments.change_straycharge", "payments.export_payment", "payments.export_refund"},
}
