"""Status enums: a database value, a label for staff, and a tone that shows the state at a glance."""

from typing import Final, Literal, Self

from django.db import models

Tone = Literal["good", "busy", "bad", "quiet"]

GOOD: Final = "good"  # as it should be
BUSY: Final = "busy"  # in progress
BAD: Final = "bad"  # needs attention
QUIET: Final = "quiet"  # finished, or not started


class StatusChoices(models.TextChoices):
    """The base of an app's status enums, with the tone between value and label: `PAID = "paid", GOOD, _("paid")`.

    The default tone is quiet. A page that shows the tone as a colour shows the label too.
    """

    tone: Tone

    def __new__(cls, value: str, tone: Tone = QUIET) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.tone = tone
        return member
