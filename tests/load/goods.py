"""`python -m tests.load.goods FILE ORDERS`: unlimited stock, carts in three states, and a file for k6 that lists them.

Runs on the new shop's database before it is copied, so that both sides have identical products and carts.
"""

import json
import random
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import django

django.setup()

from django.utils import timezone  # noqa: E402

from cart.models import Cart, CartLine  # noqa: E402
from cart.services import parcel_of  # noqa: E402
from inventory.models import Product, Stock  # noqa: E402
from shipping.models import Quote  # noqa: E402

# Products so small that fifty fit into one parcel.
PRODUCTS, HEAVIEST_GRAMS, LARGEST_CM = 200, 600, 30
BROWSING, CHECKING = 200, 400
ENDLESS = 10_000_000
FREIGHT_PRICE = Decimal("19.90")
FREIGHT = {
    "method_code": "melhor-envio-1", "method_name": "Correios PAC", "currency": "BRL", "min_days": 3, "max_days": 5,
}  # fmt: skip
ADDRESS = {
    "email": "ana@example.com", "name": "Ana Souza", "street": "Rua das Flores", "street_number": "100",
    "district": "Centro", "city": "São Paulo", "state": "SP", "country": "BR",
}  # fmt: skip


def main(file: Path, orders: int) -> None:
    chance = random.Random(20261125)
    Stock.objects.update(on_hand=ENDLESS, reserved=0)
    small = Product.objects.filter(
        active=True, weight_grams__lte=HEAVIEST_GRAMS, length_cm__lte=LARGEST_CM, width_cm__lte=LARGEST_CM
    )
    products = list(small.order_by("id")[:PRODUCTS])
    chance.shuffle(products)
    carts = {
        "browsing": [cart.token for cart in _carts(BROWSING, products, chance, {})],
        "checking": [cart.token for cart in _carts(CHECKING, products, chance, ADDRESS)],
        "ready": [_ready(cart) for cart in _carts(orders, products, chance, ADDRESS)],
    }
    facts = [{"sku": product.sku, "slug": product.slug} for product in products]
    file.write_text(json.dumps({"products": facts, "carts": carts}))


def _carts(number: int, products: list[Product], chance: random.Random, columns: dict[str, str]) -> list[Cart]:
    """Carts of one to three lines, each with its own CEP if they have an address."""
    places = [f"{chance.randrange(1001000, 5899999):08}" if columns else "" for _ in range(number)]
    carts = Cart.objects.bulk_create([Cart(**columns, postal_code=postal_code) for postal_code in places])
    CartLine.objects.bulk_create(
        CartLine(cart=cart, product=product, quantity=1, position=position)
        for cart in carts
        for position, product in enumerate(chance.sample(products, chance.randint(1, 3)))
    )
    return list(Cart.objects.filter(pk__in=[cart.pk for cart in carts]).with_lines())


def _ready(cart: Cart) -> dict[str, Any]:
    """A cart with its shipping chosen, and the total that the shopper agrees to."""
    lines = list(cart.lines.all())
    parcel = parcel_of(((line.product, line.quantity) for line in lines), cart.currency)
    now = timezone.now()
    cart.quote = Quote.objects.create(
        reference=cart.token, price=FREIGHT_PRICE, postal_code=cart.postal_code, created_at=now,
        parcel_fingerprint=parcel.fingerprint, expires_at=now + timedelta(days=1), **FREIGHT,
    )  # fmt: skip
    cart.save()
    total = parcel.value + cart.quote.price
    return {"id": cart.token, "total": f"{total:.2f}", "lines": len(lines)}


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
