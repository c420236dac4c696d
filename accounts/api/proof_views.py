"""Proving an address by mail: verification and forgotten passwords."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import services
from accounts.api.doors import PublicView
from accounts.api.proof_serializers import (
    AddressInput,
    ResetPasswordInput,
    VerifiedOutput,
    VerifyEmailInput,
)
from accounts.api.serializers import MailSentOutput
from accounts.api.views import mail_sent


class VerifyEmailView(PublicView):
    """An address, proved."""

    @extend_schema(
        request=VerifyEmailInput,
        responses=VerifiedOutput,
        operation_id="auth_verify_email",
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Verify an address by the token or the code of a mail. Five wrong codes void the code."""
        form = VerifyEmailInput(data=request.data)
        form.is_valid(raise_exception=True)
        return Response(VerifiedOutput(services.verify_email(**form.validated_data)).data)


class ResendVerificationView(PublicView):
    """Another verification mail."""

    @extend_schema(
        request=AddressInput,
        responses={202: MailSentOutput},
        operation_id="auth_resend_verification",
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Ask for another verification mail. The answer is the same for every address."""
        form = AddressInput(data=request.data)
        form.is_valid(raise_exception=True)
        services.ask_verification(**form.validated_data)
        return mail_sent()


class ForgotPasswordView(PublicView):
    """A forgotten password."""

    @extend_schema(
        request=AddressInput,
        responses={202: MailSentOutput},
        operation_id="auth_forgot_password",
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Ask for a mail to set a new password by. The answer is the same for every address."""
        form = AddressInput(data=request.data)
        form.is_valid(raise_exception=True)
        services.ask_reset(**form.validated_data)
        return mail_sent()


class ResetPasswordView(PublicView):
    """A new password by mail."""

    @extend_schema(
        request=ResetPasswordInput,
        responses={204: None},
        operation_id="auth_reset_password",
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Set a new password by a mail's token. Every session and token of before ends."""
        form = ResetPasswordInput(data=request.data)
        form.is_valid(raise_exception=True)
        services.reset_password(**form.validated_data)
        return Response(status=status.HTTP_204_NO_CONTENT)
