"""What accounts refuse, each with the code that the API shows."""

from django.utils.translation import gettext_lazy as _

from config.exceptions import Refusal


class EmailTaken(Refusal):
    """There is already an account with this address."""

    code = "invalid"
    status = 422
    message = _("There is already an account with this e-mail. Sign in, or ask for a new password.")


class WrongCredentials(Refusal):
    """No active account has this address and password; does not reveal which of the two is wrong."""

    code = "wrong_credentials"
    status = 401
    title = _("Wrong e-mail or password")
    auth_header = "Token"  # RFC 9110 requires a challenge with a 401
    message = _("This e-mail and password do not match. Check both, or ask for a new password.")


class LinkNotValid(Refusal):
    """The mailed link was used, or is too old, or a newer one was mailed."""

    code = "link_not_valid"
    status = 404
    title = _("This link no longer works")
    message = _("It has already been used, or it has expired. Ask for a new one: it takes a minute.")
