"""Mounted at `webhooks/`."""

from django.urls import path

from payments import webhooks

app_name = "payments"
urlpatterns = [path("stripe/", webhooks.stripe, name="stripe_webhook")]
