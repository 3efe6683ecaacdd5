"""The root of every refusal: something the shop will not do, said in a sentence that tells what to do instead."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Refusal(Exception):
    """A rule said no.

    `code` is what the API shows and clients switch on; `status` is the HTTP status that goes with it; `message` is a
    translated sentence for a person. `details` are extra facts for the answer (JSON-serialisable).
    """

    code = "invalid"
    status = 422
    message: str | Promise = _("This cannot be done as asked.")

    def __init__(self, message: str | Promise | None = None, **details: object) -> None:
        if message is not None:
            self.message = message
        self.details = details
        super().__init__(self.message)

    def __str__(self) -> str:
        return str(self.message)
