"""Accounts for apps: sign up, get and revoke a token, see and change one's own name."""

from typing import Any

from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from config.accounts import services
from config.accounts.exceptions import EmailTaken, WrongCredentials
from config.accounts.forms import MAX_PASSWORD_LENGTH
from config.accounts.models import User
from config.api.fields import Email, Input, PrivateView, Text, document, read_body
from config.api.problems import NotAuthenticated
from config.api.schema import refusals
from config.exceptions import Refusal


class Password(Text):
    """Taken as typed, spaces and all."""

    def __init__(self) -> None:
        super().__init__(trim_whitespace=False, max_length=MAX_PASSWORD_LENGTH, style={"input_type": "password"})


class SignUpInput(Input):
    email = Email(max_length=254)
    password = Password()
    full_name = Text(max_length=120, required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            services.check_password(attrs["password"], attrs["email"], attrs["full_name"])
        except ValidationError as weak:
            raise serializers.ValidationError({"password": weak.messages}) from weak
        return attrs


class SignInInput(Input):
    email = Email(max_length=254)
    password = Password()


class NameInput(Input):
    full_name = Text(max_length=120, required=False, allow_blank=True)


class TokenSerializer(serializers.Serializer[Any]):
    """Send the token as `Authorization: Token …`."""

    token = serializers.CharField()
    email = serializers.EmailField()


class MeSerializer(serializers.Serializer[User]):
    email = serializers.EmailField()
    full_name = serializers.CharField(help_text="Empty if it was never given.")


class Accounts(PrivateView):
    """No authentication, so that an old token in the header does not block a sign-up."""

    authentication_classes: tuple[type[BaseAuthentication], ...] = ()
    throttle_scope = "sign_up"

    @extend_schema(
        operation_id="accounts_create",
        summary="Sign up",
        request=SignUpInput,
        responses={201: TokenSerializer, **refusals(EmailTaken)},
        tags=["accounts"],
    )
    def post(self, request: Request) -> Response:
        """Creates an account and returns its token. An e-mail that is already registered is `invalid`."""
        user = services.sign_up(**read_body(SignUpInput, request))
        return Response(_token(request, user), status=status.HTTP_201_CREATED)


class Tokens(PrivateView):
    def get_authenticators(self) -> list[BaseAuthentication]:
        """None when signing in: an old token in the header must not block getting a new one."""
        return [] if self.request is not None and self.request.method == "POST" else super().get_authenticators()

    def get_permissions(self) -> list[BasePermission]:
        return [IsAuthenticated()] if self.request.method == "DELETE" else []

    @extend_schema(
        operation_id="tokens_create",
        summary="Sign in",
        request=SignInInput,
        responses={200: TokenSerializer, **refusals(WrongCredentials, Refusal)},
        tags=["accounts"],
    )
    def post(self, request: Request) -> Response:
        """One token per user, the same on every device, valid until it is revoked."""
        credentials = read_body(SignInInput, request)
        user = services.check_credentials(request._request, **credentials)
        return Response(_token(request, user))

    @extend_schema(
        operation_id="tokens_destroy",
        summary="Sign out",
        request=None,
        responses={204: None, **refusals(NotAuthenticated)},
        tags=["accounts"],
    )
    def delete(self, request: Request) -> Response:
        """Revokes the token: every device that uses it is signed out."""
        services.revoke_tokens(_user(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class Me(PrivateView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="me_retrieve",
        summary="Who am I",
        responses={200: MeSerializer, **refusals(NotAuthenticated)},
        tags=["accounts"],
    )
    def get(self, request: Request) -> Response:
        """The user that the token or session belongs to."""
        return Response(document(MeSerializer, _user(request)))

    @extend_schema(
        operation_id="me_partial_update",
        summary="Change my name",
        request=NameInput,
        responses={200: MeSerializer, **refusals(NotAuthenticated, Refusal)},
        tags=["accounts"],
    )
    def patch(self, request: Request) -> Response:
        """Fields that are not sent stay unchanged."""
        user = services.rename(_user(request), **read_body(NameInput, request))
        return Response(document(MeSerializer, user))


def _token(request: Request, user: User) -> dict[str, str]:
    return {"token": services.issue_token(request._request, user), "email": user.email}


def _user(request: Request) -> User:
    """The signed-in user; IsAuthenticated guarantees that there is one."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - narrows the type, IsAuthenticated decides
    return user
