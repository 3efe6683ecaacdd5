"""The root URLconf, one line per app."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.i18n import set_language

from config.pages import mailbox
from config.telemetry import exposition, health

# Tried in turn, each at a price: what programs call and what shoppers view comes first.
urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include("config.api.urls")),
    path("webhooks/", include("payments.urls")),
    path("", include("inventory.urls")),
    path("cart/", include("cart.urls")),
    path("", include("checkout.urls")),
    path("admin/", admin.site.urls),
    path("language/", set_language, name="set_language"),
    path("mail/", mailbox.demo_mailbox, name="demo_mailbox"),
    path("mail/<slug:name>/", mailbox.demo_mail, name="demo_mail"),
    path("mail/<slug:name>/html/", mailbox.demo_mail_html, name="demo_mail_html"),
    path("webhooks/", include("shipping.urls")),
    path("account/data/", include("config.personal_data.urls")),
    path("account/", include("config.accounts.urls")),
    # The first three are answered before any middleware (config.middleware.Probes).
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", exposition.metrics),
    path("health/full", health.full, name="health"),
]
if settings.DEVELOPER_VIEW:
    urlpatterns.append(path("__debug__/", include("debug_toolbar.urls")))

handler400 = "config.api.problems.bad_request"
handler404 = "config.api.problems.page_not_found"
handler500 = "config.api.problems.server_error"
