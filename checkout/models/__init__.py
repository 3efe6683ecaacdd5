"""Orders and their lines, the outbox, idempotency keys, and receipts."""

from checkout.models.idempotency import IdempotencyKey as IdempotencyKey
from checkout.models.orders import CANCELLABLE as CANCELLABLE
from checkout.models.orders import LIVE as LIVE
from checkout.models.orders import REFUNDABLE as REFUNDABLE
from checkout.models.orders import Order as Order
from checkout.models.orders import OrderLine as OrderLine
from checkout.models.orders import OrderQuerySet as OrderQuerySet
from checkout.models.orders import OrderStatus as OrderStatus
from checkout.models.orders import new_number as new_number
from checkout.models.outbox import MessageKind as MessageKind
from checkout.models.outbox import OutboxMessage as OutboxMessage
from checkout.models.receipts import Receipt as Receipt
from checkout.models.receipts import ReceiptState as ReceiptState
