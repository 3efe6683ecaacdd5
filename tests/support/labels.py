"""Labels for tests: what is bought, and what the carrier has of it."""

from typing import Any

from django.test import override_settings

from checkout import labels
from checkout.labels import ParcelToLabel
from checkout.models import Order
from inventory.models import Warehouse
from shipping.label_requests import Box
from shipping.models import Label
from tests.support import backoffice
from tests.support.carrier import StandInCarrier
from tests.support.simulated_time import pass_time

BOX = Box(weight_grams=500, length_cm=20, width_cm=15, height_cm=10)
SEDEX = "2"
# Longer than a step is kept from others.
LEASE_SECONDS = 120.0


def order(outcome: str | None = "approved", products: Any = 1) -> Order:
    """An order by the rate table's method: the carrier would replace it."""
    with override_settings(MELHOR_ENVIO_API_BASE=""):
        return backoffice.order(outcome, products)


def to_label(**changes: Any) -> ParcelToLabel:
    """All that is left of an order, by SEDEX."""
    warehouse = Warehouse.objects.earliest("pk")
    facts = {"service": SEDEX, "service_name": "Correios SEDEX", "warehouse_id": warehouse.pk, "box": BOX}
    return ParcelToLabel(**{**facts, **changes})


def finish_labels() -> None:
    """What is left unfinished is finished once the call that may be in flight must be over."""
    pass_time(LEASE_SECONDS)
    labels.finish_due()


def bought(carrier: StandInCarrier) -> list[str]:
    """The ids of the labels that were paid and not cancelled."""
    return [label["id"] for label in carrier.labels if label["status"] not in {"pending", "canceled"}]


def in_cart(carrier: StandInCarrier) -> list[str]:
    return [label["id"] for label in carrier.labels if label["status"] == "pending"]


def label_of(key: Any) -> Label:
    return Label.objects.get(pk=key)
