"""What a worker does with its unacknowledged messages once their broker is gone: it leaves them there.

They stay in the broker, or in the replica that takes its place, and are delivered again when their visibility timeout
ends. kombu (as of 5.7.0) asks a connection that it has closed itself and by then has no address any more. That is an
AttributeError, which Celery does not take for a lost connection: the worker ends. It happens twice: when Celery closes
a lost connection for the second time, and when a task that began before has finished.
"""

import logging
from typing import Any

from kombu.transport import redis

logger = logging.getLogger(__name__)


class QoS(redis.QoS):
    """kombu's record of the messages that a channel has delivered and nobody has acknowledged."""

    def restore_unacked(self, client: Any = None) -> None:
        """Put all messages back into their queues, if the broker is there."""
        if not self._knows_the_broker:
            return
        try:
            super().restore_unacked(client)
        except redis.Transport.connection_errors:
            logger.warning("The broker is gone: it keeps its unacknowledged messages, to deliver them again")

    def ack(self, delivery_tag: str) -> None:
        """Take the message out of the broker, or out of the one in its place. Raises kombu's connection errors."""
        if self._knows_the_broker:
            super().ack(delivery_tag)
        else:
            logger.warning("A task has outlived its connection to the broker and will run again")

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Take the message out of the broker or put it back. Raises kombu's connection errors."""
        if self._knows_the_broker:
            super().reject(delivery_tag, requeue)

    @property
    def _knows_the_broker(self) -> bool:
        """Whether the channel has connections or can open one."""
        if getattr(self.channel, "_pool", None) is not None:
            return True
        transport = self.channel.connection
        return transport is not None and transport.client is not None


def leave_to_lost_broker() -> None:
    """Have all channels of this process, with and without Sentinel, keep their record in the class above."""
    redis.Channel.QoS = QoS
