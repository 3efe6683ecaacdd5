"""What happens some time later: Pix codes expire, refunds settle or fail, cardholders dispute, disputes are decided."""

from collections.abc import Callable

from payments.sandbox import disputes, fraud_warnings, lifecycle, refunds
from payments.sandbox.context import Context

_HAPPENINGS: dict[str, Callable[[Context, str, str], object]] = {
    "refund": lambda context, identifier, status: refunds.move(
        context, identifier, status, failure_reason="expired_or_canceled_card" if status == "failed" else ""
    ),
    "dispute": disputes.move,
    "open_dispute": lambda context, intent_id, reason: disputes.open_(context, intent_id, reason=reason),
    "open_inquiry": lambda context, intent_id, reason: disputes.open_(
        context, intent_id, reason=reason, status="warning_needs_response"
    ),
    "early_fraud_warning": fraud_warnings.warn,
    "expire_authorization": lifecycle.expire_authorization,
}
FOREVER = 1e18


def happen(context: Context) -> None:
    """Let all happen that is due by the sandbox's clock."""
    lifecycle.expire_pix(context)
    _happen(context, context.store.moment())


def happen_now(context: Context) -> int:
    """Let all happen that is scheduled, however far off; returns how many there were.

    Authorizations do not expire: only the clock can do that.
    """
    return _happen(context, FOREVER, but="expire_authorization")


def _happen(context: Context, moment: float, *, but: str = "") -> int:
    due = context.store.take_due(moment, but=but)
    for what, subject, argument in due:
        _HAPPENINGS[what](context, subject, argument)
    return len(due)
