"""`manage.py load_shipping_rates`: covers the whole country, and is idempotent."""

import threading
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from shipping import tariff
from shipping.models import ShippingMethod, ShippingRate
from shipping.postal_codes import state_names
from shipping.services import RatesLoaded
from shipping.services import load_rates as load
from tests.support.factories.shipping import ShippingRateFactory, load_rates

pytestmark = pytest.mark.django_db


def _run() -> str:
    out = StringIO()
    call_command("load_shipping_rates", stdout=out)
    return out.getvalue()


def test_two_methods_cover_all_27_states():
    _run()
    for code in ("economica", "expressa"):
        states = set(ShippingRate.objects.filter(method__code=code).values_list("state", flat=True))
        assert states == set(state_names)


def test_a_second_run_changes_nothing():
    first = _run()
    before = list(ShippingRate.objects.order_by("pk").values())
    second = _run()
    assert f"{len(before)} rates added" in first
    assert f"0 rates added, 0 changed, 0 removed, {len(before)} unchanged" in second
    assert list(ShippingRate.objects.order_by("pk").values()) == before


def test_a_run_updates_only_what_differs():
    load_rates()
    total = ShippingRate.objects.count()
    changed, removed = ShippingRate.objects.order_by("pk")[:2]
    ShippingRate.objects.filter(pk=changed.pk).update(price=Decimal("1.00"))
    removed.delete()
    of_another_method = ShippingRateFactory()

    assert load_rates() == RatesLoaded(added=1, changed=1, removed=0, kept=total - 2)
    changed.refresh_from_db()
    assert changed.price > 1
    assert ShippingRate.objects.filter(pk=of_another_method.pk).exists()


def test_rates_dropped_from_the_file_are_deleted_even_if_new_ones_overlap():
    ShippingMethod.objects.create(code="economica", name="PAC", active=False)
    method = ShippingMethod.objects.get(code="economica")
    ShippingRateFactory(method=method)  # anywhere, any weight: overlaps every new rate

    done = load_rates()

    assert (done.removed, done.changed) == (1, 0)
    method.refresh_from_db()
    assert (method.name, method.active) == ("PAC", False), "staff renamed and deactivated it; a load keeps that"


def test_statements_do_not_grow_with_the_table():
    rows = list(tariff.rows())

    def statements(number: int) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            load(tariff.METHODS, rows[:number], tariff.CURRENCY)
        return len(captured)

    assert statements(2) == statements(50)
    assert statements(len(rows)) <= 9


@pytest.mark.django_db(transaction=True)
def test_two_loads_at_once_follow_each_other():
    start, done = threading.Barrier(2), []

    def run() -> None:
        start.wait()
        try:
            done.append(load_rates())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = ShippingRate.objects.count()
    assert sorted((load.added, load.kept) for load in done) == [(0, total), (total, 0)]
