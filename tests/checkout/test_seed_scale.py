"""`manage.py seed_scale` fills an empty database, reports progress, and does not touch one that is filled."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from cart.models import Cart, CartLine
from checkout.models import Order, OrderLine
from inventory.models import Product, Stock
from payments.models import PaymentAttempt

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_fills_a_shop_once() -> None:
    output = StringIO()
    call_command("seed_scale", products=30, carts=8, order_lines=50, stdout=output)
    assert "lines of orders: 10 of 10" in output.getvalue()
    assert (Product.objects.count(), Stock.objects.count()) == (30, 30)
    assert (Cart.objects.count(), CartLine.objects.count()) == (10, 20)
    assert (Order.objects.count(), OrderLine.objects.count(), PaymentAttempt.objects.count()) == (10, 50, 10)
    assert Product.objects.search("rede 5").exists()
    with pytest.raises(CommandError, match="already seeded"):
        call_command("seed_scale", products=30, carts=8, order_lines=50, stdout=output)
