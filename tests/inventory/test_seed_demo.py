"""The demo shop."""

import time

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db.models import Count

from inventory import catalogue
from inventory.models import Category, Product, Stock, Warehouse

pytestmark = pytest.mark.django_db(transaction=True)


def seed(capsys, **options):
    call_command("seed_demo", **options)
    return capsys.readouterr().out


def state():
    return (
        list(Product.objects.order_by("id").values()),
        list(Stock.objects.order_by("id").values()),
        list(Warehouse.objects.order_by("id").values()),
        list(Category.objects.order_by("id").values()),
    )


def test_a_believable_shop_in_a_few_seconds(capsys):
    began = time.monotonic()
    seed(capsys)
    assert time.monotonic() - began < 5
    assert Product.objects.active().count() == 1000
    assert Category.objects.annotate(products_in=Count("products")).filter(products_in__gt=20).count() == 12
    assert list(Warehouse.objects.values_list("code", "postal_code")) == [
        ("cajamar", "07776000"),
        ("recife", "50030230"),
    ]
    prices = list(Product.objects.values_list("price", flat=True))
    assert sum(f"{price}".endswith(".90") for price in prices) > 600
    assert 10 < min(prices) < max(prices) < 600
    available = catalogue.available_now(list(Product.objects.values_list("id", flat=True)))
    assert 20 < sum(free == 0 for free in available.values()) < 100
    assert 20 < sum(0 < free < 5 for free in available.values()) < 100
    for sku in (
        "CAFE-ESPECIAL-250",
        "CANECA-AGATA-AZUL",
        "REDE-DORMIR-CASAL",
        "PANELA-BARRO-CAPIXABA",
        "MEL-SILVESTRE-500",
    ):
        product = catalogue.product_by_sku(sku)
        assert available[product.id] == 800
    assert catalogue.catalogue_page("rede casal").products[0].sku == "REDE-DORMIR-CASAL"
    assert len({product.category for product in catalogue.catalogue_page().products}) > 5


def test_a_second_run_changes_nothing(capsys):
    assert "1000 created" in seed(capsys)
    before = state()
    assert "0 created, 0 changed, 1000 unchanged" in seed(capsys)
    assert state() == before


def test_a_second_run_does_not_restore_sold_stock(capsys):
    seed(capsys)
    Stock.objects.filter(product__sku="CAFE-ESPECIAL-250").update(on_hand=1)
    seed(capsys)
    assert set(Stock.objects.filter(product__sku="CAFE-ESPECIAL-250").values_list("on_hand", flat=True)) == {1}


def test_the_staff_user_is_made_once_and_keeps_its_password(capsys):
    assert "password: primeira" in seed(capsys, password="primeira")
    assert "password:" not in seed(capsys, password="segunda")
    admin = get_user_model().objects.get(email="admin@esteira.example")
    assert admin.is_superuser
    assert admin.is_staff
    assert admin.check_password("primeira")
