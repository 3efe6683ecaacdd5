"""Orders and their lines, their parcels, the outbox, idempotency keys, and receipts."""

from checkout.models.idempotency import IdempotencyKey as IdempotencyKey
from checkout.models.orders import Order as Order
from checkout.models.orders import OrderLine as OrderLine
from checkout.models.orders import OrderQuerySet as OrderQuerySet
from checkout.models.orders import load_parcels as load_parcels
from checkout.models.orders import new_number as new_number
from checkout.models.outbox import MAILS as MAILS
from checkout.models.outbox import MessageKind as MessageKind
from checkout.models.outbox import OutboxMessage as OutboxMessage
from checkout.models.receipts import Receipt as Receipt
from checkout.models.receipts import ReceiptState as ReceiptState
from checkout.models.shipments import PackedUnits as PackedUnits
from checkout.models.shipments import Shipment as Shipment
from checkout.models.shipments import ShipmentEvent as ShipmentEvent
from checkout.models.shipments import ShipmentLine as ShipmentLine
from checkout.models.statuses import BEFORE_PARCELS as BEFORE_PARCELS
from checkout.models.statuses import CANCELLABLE as CANCELLABLE
from checkout.models.statuses import LIVE as LIVE
from checkout.models.statuses import ORDER_MOVES as ORDER_MOVES
from checkout.models.statuses import REFUNDABLE as REFUNDABLE
from checkout.models.statuses import SHIPMENT_MOVES as SHIPMENT_MOVES
from checkout.models.statuses import STORED as STORED
from checkout.models.statuses import TO_SHIP as TO_SHIP
from checkout.models.statuses import OrderStatus as OrderStatus
from checkout.models.statuses import ShipmentStatus as ShipmentStatus
