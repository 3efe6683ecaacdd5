"""Two people buy labels for the same goods, or one cancels what another goes on with: one label is paid, or none."""

from decimal import Decimal
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from checkout import labels, shipments
from checkout.models import Order, PackedParcel, Shipment
from checkout.shipments import ParcelToPost
from config.exceptions import Refusal
from shipping.models import Label, LabelStatus
from tests.races.callers import all_at_once, deadlocks
from tests.support.carrier import StandInCarrier
from tests.support.labels import bought, finish_labels, order, to_label

pytestmark = [pytest.mark.django_db(transaction=True)]

ROUNDS = 3


@pytest.fixture(autouse=True)
def patience(settings: Any) -> None:
    settings.LABEL_SECONDS = 20.0
    settings.SELLER_TAX_ID = "11.222.333/0001-81"


def test_one_press_that_arrives_several_times(carrier: StandInCarrier) -> None:
    made, key = order(), uuid4()
    before = deadlocks()
    all_at_once([partial(labels.buy_label, made, to_label(), key=key) for _ in range(4)])
    finish_labels()
    assert bought(carrier) == [Label.objects.get().carrier_id]
    assert len(carrier.labels) == 1
    assert deadlocks() == before


def test_several_people_press(carrier: StandInCarrier) -> None:
    made = order()
    answers = all_at_once([partial(labels.buy_label, made, to_label(), key=uuid4()) for _ in range(3)])
    assert sum(isinstance(answer, Refusal) for answer in answers) == 2
    assert len(bought(carrier)) == Label.objects.count() == 1


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_a_label_against_a_parcel_by_hand(carrier: StandInCarrier, _round: int) -> None:
    made = order()
    buy, post = partial(labels.buy_label, made, to_label(), key=uuid4()), partial(post_by_hand, made)
    answers = all_at_once([buy, post])
    assert sum(isinstance(answer, Refusal) for answer in answers) == 1
    assert len(bought(carrier)) + Shipment.objects.count() == 1


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_cancelled_while_it_is_bought(carrier: StandInCarrier, _round: int) -> None:
    made, key = order(), uuid4()
    carrier.fill_wallet(0)
    labels.buy_label(made, to_label(), key=key)
    carrier.fill_wallet(100)
    packed = PackedParcel.objects.get(pk=key)
    all_at_once([partial(labels.go_on, packed), partial(labels.cancel_label, packed)])
    finish_labels()
    assert Label.objects.get().status == LabelStatus.CANCELLED
    assert (carrier.paid, bought(carrier)) == (Decimal(0), [])


def post_by_hand(made: Order) -> Any:
    return shipments.post_parcel(made, ParcelToPost())
