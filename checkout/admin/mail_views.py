"""The mails on an order's page: look at one as the shopper gets it, and send one again."""

from typing import Any

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp, csp_update
from django.core.exceptions import PermissionDenied
from django.core.mail import EmailMultiAlternatives
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin

from checkout import emails, outbox
from checkout.admin.action_views import OrderActionViews, may
from checkout.admin.actions import ActionResult
from checkout.models import Order, OutboxMessage

# They take any view, their annotations only one shape.
_WITH_FRAME: Any = csp_update({"frame-src": [SELF]})
_IN_FRAME: Any = csp({"default-src": [NONE], "style-src": [UNSAFE_INLINE], "frame-ancestors": [SELF]})


class MailViews(OrderActionViews):
    """A mail links to the shopper's page, so whoever looks at it needs the permission to open that."""

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        mail = "<int:order_id>/mail/<int:message_id>/"
        return [
            path(mail, wrap(_WITH_FRAME(self.mail_view)), name="checkout_order_mail"),
            path(
                f"{mail}html/",
                wrap(xframe_options_sameorigin(_IN_FRAME(self.mail_html_view))),
                name="checkout_order_mail_html",
            ),
            path(f"{mail}resend/", wrap(self.resend_view), name="checkout_order_mail_resend"),
            *super().get_urls(),
        ]

    def mail_view(self, request: HttpRequest, order_id: int, message_id: int) -> HttpResponse:
        order, message = self._mail_to_see(request, order_id, message_id)
        context = {
            "title": _("%(mail)s: order %(number)s")
            % {"mail": message.get_kind_display().capitalize(), "number": order.number},
            "message": message,
            "mail": _built(message),
            "may_resend": may(request, "resend_mail"),
        }
        return self.render_page(request, order, "admin/checkout/order/mail.html", context)

    def mail_html_view(self, request: HttpRequest, order_id: int, message_id: int) -> HttpResponse:
        """The HTML part, for a frame without scripts; inline styles are allowed, as mail clients need them."""
        _order, message = self._mail_to_see(request, order_id, message_id)
        mail = _built(message)
        if mail is None:
            raise Http404
        html = str(mail.alternatives[0][0])
        # Links open outside the frame: no page of the shop may be framed.
        return HttpResponse(html.replace("<head>", '<head><base target="_top">', 1))

    def resend_view(self, request: HttpRequest, order_id: int, message_id: int) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not may(request, "resend_mail"):
            raise PermissionDenied
        order, message = self._mail(request, order_id, message_id)

        def do() -> ActionResult:
            outbox.resend(message, by=request.user)
            told = _("“%(mail)s” will be sent again within a minute.")
            return ActionResult(told % {"mail": message.get_kind_display()})

        return self._pressed(request, order, do)

    def _mail_to_see(self, request: HttpRequest, order_id: int, message_id: int) -> tuple[Order, OutboxMessage]:
        if not may(request, "see_as_shopper"):
            raise PermissionDenied
        return self._mail(request, order_id, message_id)

    def _mail(self, request: HttpRequest, order_id: int, message_id: int) -> tuple[Order, OutboxMessage]:
        order = self._order(request, order_id)
        return order, get_object_or_404(OutboxMessage.objects.mails(), pk=message_id, order=order)


def _built(message: OutboxMessage) -> EmailMultiAlternatives | None:
    return emails.build(message, emails.MailFacts.of([message]))
