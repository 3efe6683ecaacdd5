"""What a receipt says, in words of the active language: the same on the page and in the PDF."""

import hashlib
from dataclasses import astuple, dataclass

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from checkout.models import Order, OrderStatus
from config.formats import cep, day, money, seller
from payments.models import PaymentMethod, RefundStatus

# Counts up with the drawing: receipts that were drawn differently are made again.
LAYOUT = 1


@dataclass(frozen=True)
class ReceiptLine:
    quantity: int
    name: str
    sku: str
    unit_price: str
    total: str


@dataclass(frozen=True)
class ReceiptFacts:
    """`facts` and `sums` are label and value; the last sum is the total. Texts only, so that a hash tells a change."""

    language: str
    number: str
    title: str
    seller: list[str]
    buyer: list[str]
    facts: list[tuple[str, str]]
    lines: list[ReceiptLine]
    sums: list[tuple[str, str]]
    refunds: list[str]
    note: str

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(repr((LAYOUT, astuple(self))).encode()).hexdigest()


def has_receipt(order: Order) -> bool:
    """Whether the shop has received money for it."""
    return order.paid_at is not None


def facts_of(order: Order) -> ReceiptFacts:
    """The receipt of a paid order that was loaded with everything. No statement of its own."""
    price = order.currency
    return ReceiptFacts(
        language=get_language() or "en",
        number=order.number,
        title=_("Receipt of order %(number)s") % {"number": order.number},
        seller=seller(),
        buyer=_buyer(order),
        facts=[
            (_("Order"), order.number),
            (_("Placed"), day(order.placed_at)),
            (_("Paid on"), day(order.paid_at)),
            (_("Payment"), "Pix" if order.payment.method == PaymentMethod.PIX else _("Card")),
            (_("Status"), OrderStatus(order.shown_status).shopper_label),
        ],
        lines=[
            ReceiptLine(
                line.quantity, line.name, line.sku, money(line.unit_price, price), money(line.line_total, price)
            )
            for line in order.sold
        ],
        sums=[
            (_("Products"), money(order.subtotal, price)),
            (_("Delivery") + f" ({order.quote.name})", money(order.shipping_total, price)),
            (_("Total paid"), money(order.total, price)),
        ],
        refunds=_refunds(order),
        note=_("This receipt confirms your payment. It is not a tax invoice (NF-e)."),
    )


def _buyer(order: Order) -> list[str]:
    street = ", ".join(part for part in (order.street, order.street_number, order.complement) if part)
    place = ", ".join(part for part in (order.district, f"{order.city} – {order.state}" if order.city else "") if part)
    tax_id = f"{order.tax_id_kind} {order.masked_tax_id}" if order.tax_id else ""
    return [part for part in (order.name, tax_id, street, place, cep(order.postal_code), order.email) if part]


def _refunds(order: Order) -> list[str]:
    texts = {
        RefundStatus.SUCCEEDED: _("Refund of %(amount)s, begun on %(day)s: paid back."),
        RefundStatus.FAILED: _("Refund of %(amount)s, begun on %(day)s: did not go through; you get it another way."),
    }
    on_its_way = _("Refund of %(amount)s, begun on %(day)s: on its way.")
    return [
        texts.get(made.status, on_its_way) % {"amount": money(made.amount, order.currency), "day": day(made.at)}
        for made in order.refunds_to_tell
    ]
