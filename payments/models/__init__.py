"""Payment records: one payment per order, one attempt per charge, one row per refund, dispute and webhook event.

Amounts are `Decimal` with two places in the payment's currency. An attempt or refund row is committed before the
provider is called, so that a crash leaves a row to look up at the provider, never a charge without a trace.
"""

from payments.models.attempt_searches import AttemptSearch as AttemptSearch
from payments.models.charge_mismatches import ChargeMismatch as ChargeMismatch
from payments.models.disputes import OPEN_DISPUTES as OPEN_DISPUTES
from payments.models.disputes import Dispute as Dispute
from payments.models.disputes import DisputeStatus as DisputeStatus
from payments.models.payments import AttemptStatus as AttemptStatus
from payments.models.payments import Payment as Payment
from payments.models.payments import PaymentAttempt as PaymentAttempt
from payments.models.payments import PaymentMethod as PaymentMethod
from payments.models.payments import PaymentStatus as PaymentStatus
from payments.models.reconcile_cursors import CHARGES as CHARGES
from payments.models.reconcile_cursors import EVENTS as EVENTS
from payments.models.reconcile_cursors import ReconcileCursor as ReconcileCursor
from payments.models.refunds import MADE_AT_PROVIDER as MADE_AT_PROVIDER
from payments.models.refunds import Refund as Refund
from payments.models.refunds import RefundStatus as RefundStatus
from payments.models.unmatched_charges import StrayCharge as StrayCharge
from payments.models.webhook_events import SetAside as SetAside
from payments.models.webhook_events import WebhookEvent as WebhookEvent
