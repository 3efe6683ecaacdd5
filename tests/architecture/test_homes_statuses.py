"""A status is defined once, in its app's choices: value, label and tone on one line, used by every page."""

import pytest
from django.contrib import admin
from django.db import models
from django.template import Context, Template
from django.utils import translation

from cart.models import CartStatus
from checkout.models import OrderStatus, ShipmentStatus
from checkout.models.statuses import STORED
from config.backoffice.base import status_tag
from config.db.statuses import BAD, BUSY, GOOD, QUIET, StatusChoices
from inventory.models import ReservationStatus
from payments.models import AttemptStatus, DisputeStatus, PaymentStatus, RefundStatus

STATUSES = [
    OrderStatus, CartStatus, ReservationStatus, PaymentStatus, AttemptStatus, RefundStatus, DisputeStatus,
]  # fmt: skip


class Planted(StatusChoices):
    """A status as an app would add it."""

    ON_HOLD = "on_hold", BAD, "waiting for a lawyer"
    ARCHIVED = "archived", "put away"


@pytest.mark.parametrize("statuses", [*STATUSES, ShipmentStatus], ids=lambda statuses: statuses.__qualname__)
def test_each_status_has_a_tone_and_a_label(statuses: type[StatusChoices]) -> None:
    for status in statuses:
        assert status.tone in {GOOD, BUSY, BAD, QUIET}
        assert status.label
        assert status == status.value == str(status)


def test_every_status_of_an_admin_list_is_covered() -> None:
    shown = {
        (model._meta.label, field.name): {value for value, _word in field.choices}
        for model, shown_by in admin.site._registry.items()
        if "status_shown" in shown_by.list_display
        for field in model._meta.get_fields()
        if isinstance(field, models.CharField) and field.name == "status"
    }
    assert len(shown) == len(STATUSES)
    # An order's column has no word for one of its statuses: see STORED.
    known = [set(statuses.values) for statuses in STATUSES] + [set(STORED)]
    assert all(values in known for values in shown.values())


def test_a_new_status_is_shown_with_its_label_and_tone() -> None:
    assert status_tag("on_hold", Planted) == '<span class="tag tag-bad">waiting for a lawyer</span>'


def test_a_status_of_another_release_is_shown_verbatim() -> None:
    assert status_tag("on_hold", OrderStatus) == '<span class="tag tag-quiet">on_hold</span>'


def test_a_status_without_a_tone_is_quiet() -> None:
    assert status_tag("archived", Planted) == '<span class="tag tag-quiet">put away</span>'


@pytest.mark.parametrize("status", OrderStatus)
def test_shoppers_see_the_order_statuses_labels(status: OrderStatus) -> None:
    page = Template("{% load orders %}{{ status|order_status }} {{ status|order_status_tag }}")
    tags = {GOOD: "tag--green", BUSY: "", QUIET: "tag--grey"}
    for language in ("en", "pt-br"):
        with translation.override(language):
            shown = page.render(Context({"status": status.value}))
            assert shown == f"{status.shopper_label} {tags[status.tone]}"
