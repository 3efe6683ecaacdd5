"""The one error of this package that a person is meant to read."""


class CannotStart(Exception):
    """Something outside stands in the way; the message is a sentence that says what, and what to do."""
