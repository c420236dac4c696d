"""Log-in and profile. API keys are in `accounts.api.key_views`."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.parsers import FormParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import selectors, services
from accounts.api import actor
from accounts.api.doors import PublicView
from accounts.api.serializers import (
    MAIL_SENT,
    ChangePasswordInput,
    LoginForm,
    LoginInput,
    MailSentOutput,
    MeOutput,
    ProfileInput,
    RefreshInput,
    RegisterInput,
    TokensOutput,
    UserOutput,
)
from accounts.tokens import Tokens
from common.api.conditional import ConditionalMixin
from common.api.parsers import StrictJSONParser

NO_STORE = {"Cache-Control": "no-store"}


def tokens_response(tokens: Tokens) -> Response:
    """Tokens, which no cache may keep (RFC 6749, section 5.1)."""
    return Response(TokensOutput(tokens).data, headers=NO_STORE)


def mail_sent() -> Response:
    """The one answer to whoever asks for mail, known or not."""
    return Response(MailSentOutput({"detail": MAIL_SENT}).data, status=status.HTTP_202_ACCEPTED)


class RegisterView(PublicView):
    """The way in for people."""

    @extend_schema(
        request=RegisterInput,
        responses={201: UserOutput, 202: MailSentOutput},
        operation_id="auth_register",
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Make an account, with a personal organization whose slug is the user's.

        Where addresses are verified first the answer is 202, whether the address is known or not,
        and a mail says how to go on.
        """
        form = RegisterInput(data=request.data)
        form.is_valid(raise_exception=True)
        user = services.sign_up(**form.validated_data)
        if user is None:
            return mail_sent()
        return Response(UserOutput(user).data, status=status.HTTP_201_CREATED)


class LoginView(PublicView):
    """E-mail and password against tokens."""

    parser_classes = (StrictJSONParser, FormParser)

    @extend_schema(
        request={
            "application/json": LoginInput,
            "application/x-www-form-urlencoded": LoginForm,
        },
        responses=TokensOutput,
        operation_id="auth_login",
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Log in. Takes JSON with `email`, or OAuth 2's password form with `username`."""
        is_form = (request.content_type or "").startswith("application/x-www-form-urlencoded")
        form = LoginForm(data=request.data) if is_form else LoginInput(data=request.data)
        form.is_valid(raise_exception=True)
        data: dict[str, Any] = form.validated_data
        user = services.log_in(
            email=data["username" if is_form else "email"], password=data["password"], via="jwt"
        )
        return tokens_response(services.issue_tokens(user))


class RefreshView(PublicView):
    """The next pair of tokens."""

    @extend_schema(
        request=RefreshInput, responses=TokensOutput, operation_id="auth_refresh", auth=[]
    )
    def post(self, request: Request) -> Response:
        """Get the next pair of tokens. The refresh token sent is good for this one use.

        Sent again within ten seconds by the same client it is a 409 `concurrent_refresh`; later, or
        from elsewhere, it has been copied: 401, and every token of the family is void.
        """
        form = RefreshInput(data=request.data)
        form.is_valid(raise_exception=True)
        return tokens_response(services.refresh_tokens(form.validated_data["refresh"]))


class MeView(ConditionalMixin, APIView):
    """The caller."""

    scopes = "account:read"

    @extend_schema(responses=MeOutput, operation_id="auth_me")
    def get(self, request: Request) -> Response:
        """Who one is, where one belongs, and what the credential may be used for."""
        return Response(MeOutput(selectors.describe_me(actor(request))).data)


class ProfileView(APIView):
    """What others see of the caller."""

    scopes = "account:write"

    @extend_schema(
        request=ProfileInput, responses=UserOutput, operation_id="auth_profile_partial_update"
    )
    def patch(self, request: Request) -> Response:
        """Change the profile; what is absent stays."""
        form = ProfileInput(data=request.data)
        form.is_valid(raise_exception=True)
        user = services.update_profile(actor=actor(request), **form.validated_data)
        return Response(UserOutput(user).data)

    @extend_schema(request=ProfileInput, responses=UserOutput, operation_id="auth_profile_update")
    def put(self, request: Request) -> Response:
        """The same as PATCH."""
        return self.patch(request)


class ChangePasswordView(APIView):
    """A new password."""

    scopes = "account:write"

    @extend_schema(
        request=ChangePasswordInput, responses=TokensOutput, operation_id="auth_change_password"
    )
    def post(self, request: Request) -> Response:
        """Change the password. Tokens from before end; the answer holds new ones. Keys stay."""
        form = ChangePasswordInput(data=request.data)
        form.is_valid(raise_exception=True)
        user = services.change_password(actor=actor(request), **form.validated_data)
        return tokens_response(services.issue_tokens(user))
