"""The words of the mails about an order. `checkout.emails` puts them into a mail."""

from collections.abc import Mapping
from typing import Final

from checkout.letters import confirmation, parcels, refunds, returns, unpaid
from checkout.letters.letter import Letter as Letter
from checkout.letters.letter import LetterType as LetterType
from checkout.letters.letter import Load as Load
from checkout.models import MessageKind

# Every kind of mail.
LETTERS: Final[Mapping[MessageKind, LetterType]] = {
    **unpaid.LETTERS,
    **confirmation.LETTERS,
    **refunds.LETTERS,
    **parcels.LETTERS,
    **returns.LETTERS,
}
