"""Statuses of rows: a value for the database, a word for staff, and a tone that says at a glance how things stand."""

from typing import Final, Literal, Self

from django.db import models

Tone = Literal["good", "busy", "bad", "quiet"]

GOOD: Final = "good"  # as it should be
BUSY: Final = "busy"  # somebody or something is at work on it
BAD: Final = "bad"  # somebody should look at it
QUIET: Final = "quiet"  # over, or not begun


class StatusChoices(models.TextChoices):
    """The base of an app's statuses, each with its tone between value and word: `PAID = "paid", GOOD, _("paid")`.

    One that names no tone is quiet. A page that shows the tone as a colour shows the word beside it.
    """

    tone: Tone

    def __new__(cls, value: str, tone: Tone = QUIET) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.tone = tone
        return member
