"""Accounts for apps: sign up, get, list and revoke tokens, see and change one's own name."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from config.accounts import services, tokens
from config.accounts.exceptions import EmailTaken, WrongCredentials
from config.accounts.forms import MAX_PASSWORD_LENGTH
from config.accounts.models import ApiToken, User
from config.api.fields import Email, Input, Moment, Output, PrivateView, Text, document, read_body
from config.api.problems import NotAuthenticated
from config.api.schema import refusals
from config.exceptions import NotFound, Refusal
from config.form_fields import is_one_line

NAME_LENGTH = 80


class Password(Text):
    """Taken as typed, spaces and all."""

    def __init__(self) -> None:
        super().__init__(trim_whitespace=False, max_length=MAX_PASSWORD_LENGTH, style={"input_type": "password"})


class DeviceName(Text):
    def __init__(self) -> None:
        super().__init__(
            max_length=NAME_LENGTH,
            required=False,
            allow_blank=True,
            default="",
            help_text="What the owner calls this device in the list of devices. By default what `User-Agent` says.",
        )


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
    name = DeviceName()


class NameInput(Input):
    full_name = Text(max_length=120, required=False, allow_blank=True)


class TokenSerializer(Output[Any]):
    """Send the token as `Authorization: Token …`."""

    token = serializers.CharField(help_text="Shown only here.")
    email = serializers.EmailField()
    expires_at = Moment(help_text="90 days after its last use: each use moves it.")


class DeviceSerializer(Output[ApiToken]):
    id = serializers.UUIDField()
    name = serializers.CharField(help_text="Empty if it never gave one.")
    created_at = Moment()
    used_at = Moment(help_text="To the hour.")
    expires_at = Moment()


class DevicesSerializer(Output[Any]):
    results = DeviceSerializer(many=True)
    current = serializers.UUIDField(allow_null=True, help_text="The device that asks; null with a session.")


class MeSerializer(Output[User]):
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
        return [] if self.request.method == "POST" else [IsAuthenticated()]

    @extend_schema(
        operation_id="tokens_create",
        summary="Sign in",
        request=SignInInput,
        responses={200: TokenSerializer, **refusals(WrongCredentials, Refusal)},
        tags=["accounts"],
    )
    def post(self, request: Request) -> Response:
        """A token for this device, valid until 90 days pass without a use, it is revoked, or the password changes."""
        credentials = read_body(SignInInput, request)
        name = credentials.pop("name")
        user = services.check_credentials(request._request, **credentials)
        return Response(_token(request, user, name))

    @extend_schema(
        operation_id="tokens_list",
        summary="My devices",
        responses={200: DevicesSerializer, **refusals(NotAuthenticated)},
        tags=["accounts"],
    )
    def get(self, request: Request) -> Response:
        """Where apps are signed in, the one used last first: at most twenty."""
        found = {"results": tokens.tokens_of(_user(request)), "current": getattr(request.auth, "pk", None)}
        return Response(document(DevicesSerializer, found))

    @extend_schema(
        operation_id="tokens_destroy",
        summary="Sign out",
        request=None,
        responses={204: None, **refusals(NotAuthenticated)},
        tags=["accounts"],
    )
    def delete(self, request: Request) -> Response:
        """Revokes the token that is sent. With a session in its place, every token of the account."""
        if isinstance(request.auth, ApiToken):
            tokens.revoke_token(_user(request), request.auth.pk)
        else:
            tokens.revoke_tokens(_user(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class Device(PrivateView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="tokens_destroy_one",
        summary="Sign a device out",
        request=None,
        responses={204: None, **refusals(NotAuthenticated, NotFound)},
        tags=["accounts"],
    )
    def delete(self, request: Request, id: UUID) -> Response:  # noqa: A002
        """Revokes the token of one of one's own devices: it is dead at once."""
        if not tokens.revoke_token(_user(request), id):
            raise NotFound
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


def _token(request: Request, user: User, name: str = "") -> dict[str, Any]:
    token, key = tokens.issue_token(request._request, user, name or _app_name(request))
    return document(TokenSerializer, {"token": key, "email": user.email, "expires_at": token.expires_at})


def _app_name(request: Request) -> str:
    agent = request.headers.get("User-Agent", "")[:NAME_LENGTH].strip()
    return agent if is_one_line(agent) else ""


def _user(request: Request) -> User:
    """The signed-in user; IsAuthenticated guarantees that there is one."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - narrows the type, IsAuthenticated decides
    return user
