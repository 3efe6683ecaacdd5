"""The pages of an account."""

from django.urls import path

from config.accounts import views

app_name = "accounts"

urlpatterns = [
    path("sign-in/", views.SignIn.as_view(), name="sign_in"),
    path("sign-up/", views.SignUp.as_view(), name="sign_up"),
    path("sign-up/sent/", views.SignUpSent.as_view(), name="sign_up_sent"),
    path("sign-up/<str:key>/", views.FinishSignUp.as_view(), name="sign_up_finish"),
    path("sign-out/", views.SignOut.as_view(), name="sign_out"),
    path("devices/", views.Devices.as_view(), name="devices"),
    path("devices/<uuid:token_id>/end/", views.EndDevice.as_view(), name="end_device"),
    path("confirm/", views.AskForConfirmation.as_view(), name="ask_for_confirmation"),
    path("confirm/<str:key>/", views.Confirmation.as_view(), name="confirm"),
    path("password/", views.PasswordReset.as_view(), name="password_reset"),
    path("password/change/", views.PasswordChange.as_view(), name="password_change"),
    path("password/sent/", views.PasswordResetDone.as_view(), name="password_reset_done"),
    path("password/<uidb64>/<token>/", views.PasswordResetConfirm.as_view(), name="password_reset_confirm"),
    path("password/changed/", views.PasswordResetComplete.as_view(), name="password_reset_complete"),
]
