"""The mail with the link by which a person proves that an address is theirs."""

from urllib.parse import urlencode

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from config.db.locks import refuse_in_transaction
from config.formats import seller
from config.personal_data.models import DataRequest, Wish


def send_link(request: DataRequest, key: str) -> None:
    """Must not be called inside a transaction. Raises what the mail backend raises."""
    refuse_in_transaction("The mail server")
    with translation.override(request.language):
        link = f"{settings.SITE_URL}{reverse('personal_data:link')}?{urlencode({'key': key})}"
        context = {
            "link": link,
            "erases": request.wish == Wish.ERASE,
            "shop_name": settings.SHOP_NAME,
            "seller": seller(),
        }
        send_mail(
            subject=_("Your data at %(shop)s") % {"shop": settings.SHOP_NAME},
            message=render_to_string("personal_data/email/link.txt", context),
            from_email=None,
            recipient_list=[request.email],
        )
