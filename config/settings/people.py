"""Users, sign-in and passwords."""

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["config.accounts.backends.RememberingBackend"]
LOGIN_URL = "accounts:sign_in"
LOGIN_REDIRECT_URL = "checkout:orders"
LOGOUT_REDIRECT_URL = "inventory:catalogue"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
