"""The pages by which a person gets at their own data."""

from django.urls import path

from config.personal_data import views

app_name = "personal_data"

urlpatterns = [
    path("", views.ask, name="ask"),
    path("sent/", views.sent, name="sent"),
    path("link/", views.link, name="link"),
    path("erasing/", views.erasing, name="erasing"),
]
