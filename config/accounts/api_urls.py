"""The accounts' part of `/api/v1/`."""

from django.urls import path

from config.accounts import api

urlpatterns = [
    path("accounts/", api.Accounts.as_view(), name="accounts"),
    path("tokens/", api.Tokens.as_view(), name="tokens"),
    path("tokens/<uuid:id>/", api.Device.as_view(), name="token"),
    path("me/", api.Me.as_view(), name="me"),
]
