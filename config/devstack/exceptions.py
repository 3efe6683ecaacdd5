"""The one error of this package that is meant for the user."""


class CannotStart(Exception):
    """The environment prevents a start. The message says why, and what to do."""
