"""What erasing people refuses."""

from django.utils.translation import gettext_lazy as _

from config.exceptions import Refusal


class StaffAccount(Refusal):
    """Staff are in the shop's books: take their rights away first."""

    code = "staff_account"
    status = 409
    title = _("The account of a member of staff")
    message = _("This is the account of a member of staff. Take their access to the admin away first.")


class NotAnAddress(Refusal):
    """Rows of people who are erased have an empty address: it must find nobody."""

    message = _("This is not an e-mail address yet. It looks like name@example.com.")


class LinkNotValid(Refusal):
    code = "not_found"
    status = 404
    title = _("The link does not work any more")
    message = _("This link has been used, or is too old. Ask for a new one.")
