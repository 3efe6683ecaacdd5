"""The mail with the link by which a person proves that an address is theirs."""

from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from config import plain_mail
from config.db.locks import refuse_in_transaction
from config.personal_data.models import DataRequest, Wish


def send_link(request: DataRequest, key: str) -> None:
    """Must not be called inside a transaction. Raises what the mail backend raises."""
    refuse_in_transaction("The mail server")
    with translation.override(request.language):
        link = f"{settings.SITE_URL}{reverse('personal_data:link')}?{urlencode({'key': key})}"
        erases = request.wish == Wish.ERASE
        plain_mail.send(
            request.email, _("Your data at %(shop)s"), "personal_data/email/link.txt", link=link, erases=erases
        )
