"""Account e-mails, sent by workers so that requests do not wait."""

import logging

from celery import shared_task
from kombu.exceptions import OperationalError

from config.accounts import emails

logger = logging.getLogger(__name__)


@shared_task(autoretry_for=(OSError,), retry_backoff=5, retry_backoff_max=600, max_retries=8)
def send_password_reset(email: str, language: str) -> None:
    """Retried for about an hour while the mail server is down (every SMTP error is an OSError)."""
    emails.send_password_reset(email, language)


def send_password_reset_soon(email: str, language: str) -> None:
    """Queue the mail whether or not the address has an account, so that responses take equally long.

    If the broker is down, which shows within the socket timeouts, the mail is sent in the request. Never raises:
    errors are logged, and the response must not reveal whether there is such an account.
    """
    try:
        send_password_reset.delay(email, language)
    except OperationalError as error:
        logger.warning("Broker unavailable (%s): the password mail is sent in the request.", type(error).__name__)
        _send_now(email, language)


def _send_now(email: str, language: str) -> None:
    try:
        emails.send_password_reset(email, language)
    except OSError:
        logger.exception("Neither the broker nor the mail server accepted a password reset mail.")
