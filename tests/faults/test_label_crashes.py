"""Whoever buys, cancels or hands over a label is killed at every boundary; afterwards one is bought, or none."""

from collections.abc import Iterator
from decimal import Decimal
from uuid import uuid4

import pytest

from checkout.models import Order, Shipment
from shipping.models import Label, LabelStatus
from tests.faults.crash_cases import Command
from tests.faults.test_crashes import Crasher
from tests.support import processes
from tests.support.carrier import StandInCarrier
from tests.support.labels import bought, finish_labels, in_cart, label_of, order
from tests.support.mail_sink import MailSink
from tests.support.sandbox import Sandbox, close_breakers

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def crasher(sandbox: Sandbox, mails: MailSink, carrier: StandInCarrier) -> Iterator[Crasher]:
    at_carrier = {
        "MELHOR_ENVIO_API_BASE": carrier.base_url,
        "MELHOR_ENVIO_TOKEN": carrier.token,
        "MELHOR_ENVIO_CONTACT": "tech@esteira.example",
        "LABEL_SECONDS": "20",
        "SELLER_TAX_ID": "11.222.333/0001-81",
    }
    running = Crasher(processes.environment(sandbox, mails.port, **at_carrier))
    yield running
    running.stop()


def work(verb: str, made: Order, key: object) -> Command:
    return {"work": "label", "arguments": {"verb": verb, "order": made.pk, "key": str(key)}}


def boundaries_of(crasher: Crasher, command: Command) -> list[str]:
    answer = crasher.run(command)
    assert not answer["killed"]
    return list(answer["boundaries"])


def test_buying(crasher: Crasher, carrier: StandInCarrier) -> None:
    boundaries = boundaries_of(crasher, work("buy", order(), uuid4()))
    assert sum("the carrier's call" in name for name in boundaries) >= 2 * 5
    for number, name in enumerate(boundaries):
        carrier.reset()
        made, key = order(), uuid4()
        assert crasher.run(work("buy", made, key), number)["killed"]
        close_breakers()
        finish_labels()
        assert len(bought(carrier)) <= 1, f"killed {name}"
        # The press is repeated, as by someone whose page did not come.
        crasher.run(work("buy", made, key))
        label = label_of(key)
        assert label.is_at_rest, f"killed {name}"
        assert bought(carrier) == [label.carrier_id], f"killed {name}"
        assert in_cart(carrier) == [], f"killed {name}"
        assert carrier.paid == label.price, f"killed {name}"


def test_cancelling(crasher: Crasher, carrier: StandInCarrier) -> None:
    made, key = order(), uuid4()
    crasher.run(work("buy", made, key))
    for number, name in enumerate(boundaries_of(crasher, work("cancel", made, key))):
        carrier.reset()
        made, key = order(), uuid4()
        crasher.run(work("buy", made, key))
        assert crasher.run(work("cancel", made, key), number)["killed"]
        close_breakers()
        finish_labels()
        if label_of(key).status != LabelStatus.CANCELLED:
            assert not label_of(key).cancelling, f"killed {name}: it was asked for, and is done"
            crasher.run(work("cancel", made, key))
        assert label_of(key).status == LabelStatus.CANCELLED, f"killed {name}"
        assert (carrier.paid, bought(carrier)) == (Decimal(0), []), f"killed {name}"


def test_handing_over(crasher: Crasher, carrier: StandInCarrier) -> None:
    made, key = order(), uuid4()
    crasher.run(work("buy", made, key))
    for number, name in enumerate(boundaries_of(crasher, work("hand over", made, key))):
        made, key = order(), uuid4()
        crasher.run(work("buy", made, key))
        assert crasher.run(work("hand over", made, key), number)["killed"]
        is_posted = Shipment.objects.filter(pk=key).exists()
        assert is_posted == (label_of(key).status == LabelStatus.POSTED), f"killed {name}"
        crasher.run(work("hand over", made, key))
        assert Shipment.objects.filter(order=made).count() == 1, f"killed {name}"
    assert not Label.objects.exclude(status=LabelStatus.POSTED).exists()
