"""How a call of the API says who calls: `Authorization: Token …`."""

from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from config.accounts import tokens
from config.accounts.models import ApiToken, User


class DeviceTokens(TokenAuthentication):
    """`request.auth` is the token of the device, read anew for each call, so that a revoked one is dead at once."""

    def authenticate_credentials(self, key: str) -> tuple[User, ApiToken]:
        token = tokens.check_token(key)
        if token is None:
            raise AuthenticationFailed
        return token.user, token
