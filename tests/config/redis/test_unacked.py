"""A channel leaves its messages to a broker whose connection is closed. A real failover is in tests/cluster."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from kombu import Connection, Queue
from kombu.message import Message
from kombu.transport import redis

from config.celery import app
from config.redis.unacked import QoS

Verb = Callable[[Message], None]
LATE: dict[str, Verb] = {
    "acknowledge": lambda message: message.ack(),
    "reject": lambda message: message.reject(),
    "requeue": lambda message: message.requeue(),
    "close the channel": lambda message: message.channel.close(),
}


@pytest.fixture
def queue() -> Iterator[Queue]:
    queue = Queue(f"tests-unacked-{uuid4()}")
    yield queue
    with app.connection_for_write() as broker:
        queue(broker.default_channel).delete()


def _receive(broker: Connection, queue: Queue) -> Message:
    bound = queue(broker.default_channel)
    bound.declare()
    broker.Producer().publish("work", routing_key=queue.name)
    message = bound.get()
    assert message is not None
    return message


def _lose(broker: Connection, message: Message, verb: str) -> None:
    """Leave the channel as Celery does. It forgets the address of a channel that it could not close."""
    if verb == "close the channel":
        broker.transport.client = None
    else:
        broker.collect()
    message.channel._disconnect_pools()


@pytest.mark.parametrize("verb", LATE)
def test_what_a_task_does_with_its_message_once_the_connection_is_closed_ends_no_worker(
    queue: Queue, verb: str
) -> None:
    broker = app.connection_for_write()
    message = _receive(broker, queue)
    assert isinstance(message.channel.qos, QoS)
    _lose(broker, message, verb)
    LATE[verb](message)


@pytest.mark.parametrize("verb", LATE)
def test_kombu_still_asks_for_an_address_that_is_gone(queue: Queue, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once this fails, `config.redis.unacked` has had its day."""
    monkeypatch.setattr(redis.Channel, "QoS", redis.QoS)
    broker = app.connection_for_write()
    message = _receive(broker, queue)
    _lose(broker, message, verb)
    with pytest.raises(AttributeError):
        LATE[verb](message)


def test_an_open_channel_acknowledges_and_a_closed_one_has_put_back(queue: Queue) -> None:
    with app.connection_for_write() as broker:
        _receive(broker, queue).ack()
        assert queue(broker.default_channel).get() is None
        _receive(broker, queue)
    with app.connection_for_write() as broker:
        message = queue(broker.default_channel).get()
        assert message is not None
        assert message.headers["redelivered"]
        message.ack()
        assert queue(broker.default_channel).get() is None
