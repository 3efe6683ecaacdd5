"""One connection to the mail server for the mails of a batch."""

import logging

from django.core.mail import EmailMessage, get_connection

logger = logging.getLogger(__name__)


class MailConnection:
    """Opened by the first mail, closed by `close` or by a mail that fails: the next one opens another."""

    def __init__(self) -> None:
        self._backend = get_connection()

    def send(self, mail: EmailMessage) -> None:
        """Raises what the mail backend raises."""
        try:
            self._backend.open()
            self._backend.send_messages([mail])
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        """Never raises: what has been sent stays sent, whatever the server says to the farewell."""
        try:
            self._backend.close()
        except OSError as error:  # of which SMTP's errors are a kind
            logger.info("The mail server was left without a farewell: %s", type(error).__name__)
