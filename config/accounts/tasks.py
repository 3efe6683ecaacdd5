"""Mail about accounts, sent by workers so that nobody waits for it."""

import logging

from celery import shared_task
from kombu.exceptions import OperationalError

from config.accounts import emails

logger = logging.getLogger(__name__)


@shared_task(autoretry_for=(OSError,), retry_backoff=5, retry_backoff_max=600, max_retries=8)
def send_password_reset(email: str, language: str) -> None:
    """A mail server that is away (every SMTP error is an OSError) is tried again for about an hour."""
    emails.send_password_reset(email, language)


def send_password_reset_soon(email: str, language: str) -> None:
    """Leave the mail to a worker, whether or not anybody has that address, so that answers take equally long.

    Where the broker is away, which shows within the socket time-outs, the mail is sent here and now. Never raises:
    what went wrong is in the log, and the answer must not tell whether there is such an account.
    """
    try:
        send_password_reset.delay(email, language)
    except OperationalError as error:
        logger.warning("The broker is away (%s): the password mail is sent in the request.", type(error).__name__)
        _send_now(email, language)


def _send_now(email: str, language: str) -> None:
    try:
        emails.send_password_reset(email, language)
    except OSError:
        logger.exception("Neither the broker nor the mail server took a password mail.")
