"""Mounted at `webhooks/`."""

from django.urls import path

from shipping import webhooks

app_name = "shipping"
urlpatterns = [path("melhor-envio/", webhooks.melhor_envio, name="melhor_envio_webhook")]
