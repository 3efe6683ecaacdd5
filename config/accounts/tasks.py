"""Account e-mails, sent by workers so that requests do not wait."""

import logging
from typing import Any
from uuid import UUID

from celery import shared_task
from kombu.exceptions import OperationalError

from config.accounts import emails, sign_up

logger = logging.getLogger(__name__)

# Retried for about an hour while the mail server is down (every SMTP error is an OSError).
mail_task = shared_task(autoretry_for=(OSError,), retry_backoff=5, retry_backoff_max=600, max_retries=8)


@mail_task
def send_password_reset(email: str, language: str) -> None:
    emails.send_password_reset(email, language)


@mail_task
def send_notice(name: str, user_id: int, language: str) -> None:
    emails.send_notice(name, user_id, language)


@mail_task
def send_sign_up(wish_id: str) -> None:
    sign_up.send(UUID(wish_id))


@mail_task
def send_confirmation(address_id: int, language: str) -> None:
    emails.send_confirmation(address_id, language)


@mail_task
def send_invitation(user_id: int, language: str) -> None:
    emails.send_invitation(user_id, language)


def send_password_reset_soon(email: str, language: str) -> None:
    """Queue the mail whether or not the address has an account, so that responses take equally long."""
    _soon(send_password_reset, email, language)


def send_notice_soon(name: str, user_id: int, language: str) -> None:
    _soon(send_notice, name, user_id, language)


def send_invitation_soon(user_id: int, language: str) -> None:
    _soon(send_invitation, user_id, language)


def send_confirmation_soon(address_id: int, language: str) -> None:
    """Only the id is queued: neither address nor link is in the broker."""
    _soon(send_confirmation, address_id, language)


def send_sign_up_soon(wish_id: UUID) -> None:
    """Queues the id alone, like `send_confirmation_soon`."""
    _soon(send_sign_up, str(wish_id))


def _soon(task: Any, *arguments: Any) -> None:
    """Queue the mail.

    If the broker is down, which shows within the socket timeouts, the mail is sent in the request. Never raises:
    errors are logged, and the response must not reveal whether there is such an account.
    """
    try:
        task.delay(*arguments)
    except OperationalError as error:
        logger.warning("Broker unavailable (%s): an account's mail is sent in the request.", type(error).__name__)
        _send_now(task, *arguments)


def _send_now(task: Any, *arguments: Any) -> None:
    try:
        task(*arguments)
    except OSError:
        logger.exception("Neither the broker nor the mail server accepted an account's mail.")
