"""Organizations: who is in them, who is invited, and their service accounts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import services
from accounts.api import actor
from accounts.api.key_views import new_key_response
from accounts.api.organization_serializers import (
    AcceptInput,
    InvitationInput,
    InvitationOutput,
    MemberOutput,
    OrganizationInput,
    OrganizationOutput,
    OrganizationUpdateInput,
    RoleInput,
    ServiceAccountInput,
    ServiceAccountOutput,
    ServiceKeyInput,
)
from accounts.api.serializers import NewKeyOutput
from accounts.models import Invitation, Membership, Organization
from accounts.selectors import places
from common.api.conditional import ConditionalMixin

GONE = OpenApiResponse(description="Done.")
SCOPES = {
    "get": "account:read",
    "post": "org:admin",
    "put": "org:admin",
    "patch": "org:admin",
    "delete": "org:admin",
}


class PlaceView(ConditionalMixin, GenericAPIView[Any]):
    """Something of an organization's, which stands in the path by slug or id."""

    scopes = SCOPES
    queryset = Organization.objects.none()
    serializer_class: type[Any] = OrganizationOutput

    def organization(self, request: Request, ref: str) -> Organization:
        return places.get_organization(actor(request), ref)

    def given(self, form: Any) -> dict[str, Any]:
        form.is_valid(raise_exception=True)
        data: dict[str, Any] = form.validated_data
        return data


class OrganizationListView(PlaceView):
    """The organizations one is in."""

    @extend_schema(responses=OrganizationOutput(many=True), operation_id="organizations_list")
    def get(self, request: Request) -> Response:
        """List the organizations one belongs to, by slug."""
        rows = self.paginate_queryset(places.list_organizations(actor(request)))
        return self.get_paginated_response(OrganizationOutput(rows, many=True).data)

    @extend_schema(
        request=OrganizationInput,
        responses={201: OrganizationOutput},
        operation_id="organizations_create",
    )
    def post(self, request: Request) -> Response:
        """Make an organization, and own it."""
        data = self.given(OrganizationInput(data=request.data))
        made = services.create_organization(actor=actor(request), **data)
        shown = OrganizationOutput(places.as_owner(made)).data
        return Response(
            shown,
            status=status.HTTP_201_CREATED,
            headers={"Location": f"/api/v1/organizations/{made.id}"},
        )


class OrganizationView(PlaceView):
    """One organization."""

    @extend_schema(responses=OrganizationOutput, operation_id="organizations_get")
    def get(self, request: Request, ref: str) -> Response:
        """An organization's details."""
        return Response(OrganizationOutput(self.organization(request, ref)).data)

    @extend_schema(
        request=OrganizationUpdateInput,
        responses=OrganizationOutput,
        operation_id="organizations_partial_update",
    )
    def patch(self, request: Request, ref: str) -> Response:
        """Change the name; the slug stays. For owners and admins."""
        data = self.given(OrganizationUpdateInput(data=request.data))
        found = self.organization(request, ref)
        changed = services.update_organization(found, data, actor=actor(request))
        return Response(OrganizationOutput(changed).data)

    @extend_schema(
        request=OrganizationUpdateInput,
        responses=OrganizationOutput,
        operation_id="organizations_update",
    )
    def put(self, request: Request, ref: str) -> Response:
        """The same as PATCH."""
        return self.patch(request, ref)

    @extend_schema(responses={204: GONE}, operation_id="organizations_delete")
    def delete(self, request: Request, ref: str) -> Response:
        """Delete it for good: keys are revoked, models archived. For owners."""
        services.delete_organization(self.organization(request, ref), actor=actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class MemberListView(PlaceView):
    """Who is in an organization."""

    queryset = Membership.objects.none()  # type: ignore[assignment]  # what the schema looks at

    @extend_schema(responses=MemberOutput(many=True), operation_id="organizations_members_list")
    def get(self, request: Request, ref: str) -> Response:
        """List members, those who came first first. New ones come by invitation."""
        rows = self.paginate_queryset(places.list_members(self.organization(request, ref)))
        return self.get_paginated_response(MemberOutput(rows, many=True).data)


class MemberView(PlaceView):
    """One member."""

    scopes = SCOPES | {"delete": "account:write"}

    @extend_schema(
        request=RoleInput,
        responses=MemberOutput,
        operation_id="organizations_members_partial_update",
    )
    def patch(self, request: Request, ref: str, user_id: UUID) -> Response:
        """Give a member another role. Only owners make owners and unmake them."""
        data = self.given(RoleInput(data=request.data))
        found = self.organization(request, ref)
        place = services.set_member_role(found, user_id, actor=actor(request), **data)
        return Response(MemberOutput(place).data)

    @extend_schema(
        request=RoleInput, responses=MemberOutput, operation_id="organizations_members_update"
    )
    def put(self, request: Request, ref: str, user_id: UUID) -> Response:
        """The same as PATCH."""
        return self.patch(request, ref, user_id)

    @extend_schema(responses={204: GONE}, operation_id="organizations_members_delete")
    def delete(self, request: Request, ref: str, user_id: UUID) -> Response:
        """Remove a member, or leave. Their keys in the organization are revoked."""
        services.remove_member(self.organization(request, ref), user_id, actor=actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class InvitationListView(PlaceView):
    """Who was asked to come."""

    queryset = Invitation.objects.none()  # type: ignore[assignment]  # what the schema looks at
    scopes = SCOPES | {"get": "org:admin"}

    @extend_schema(
        responses=InvitationOutput(many=True), operation_id="organizations_invitations_list"
    )
    def get(self, request: Request, ref: str) -> Response:
        """List invitations, newest first, closed ones too. For owners and admins."""
        found = places.list_invitations(self.organization(request, ref), actor=actor(request))
        rows = self.paginate_queryset(found)
        return self.get_paginated_response(InvitationOutput(rows, many=True).data)

    @extend_schema(
        request=InvitationInput,
        responses={201: InvitationOutput},
        operation_id="organizations_invitations_create",
    )
    def post(self, request: Request, ref: str) -> Response:
        """Invite somebody by e-mail. The mail's link is good for seven days."""
        data = self.given(InvitationInput(data=request.data))
        made = services.invite(self.organization(request, ref), actor=actor(request), **data)
        return Response(InvitationOutput(made).data, status=status.HTTP_201_CREATED)


class InvitationView(PlaceView):
    """One invitation, as seen by those who sent it."""

    @extend_schema(responses={204: GONE}, operation_id="organizations_invitations_delete")
    def delete(self, request: Request, ref: str, invitation_id: UUID) -> Response:
        """Take an invitation back."""
        found = places.get_invitation(self.organization(request, ref), invitation_id)
        services.revoke_invitation(found, actor=actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class MyInvitationsView(PlaceView):
    """Where one was asked to come."""

    queryset = Invitation.objects.none()  # type: ignore[assignment]  # what the schema looks at
    scopes = "account:read"  # type: ignore[assignment]  # a name stands for every method

    @extend_schema(responses=InvitationOutput(many=True), operation_id="invitations_list")
    def get(self, request: Request) -> Response:
        """List the open invitations to one's own, verified address."""
        rows = self.paginate_queryset(places.invitations_to(actor(request)))
        return self.get_paginated_response(InvitationOutput(rows, many=True).data)


class AcceptByTokenView(PlaceView):
    """The link in the mail."""

    scopes = "account:write"  # type: ignore[assignment]  # a name stands for every method

    @extend_schema(
        request=AcceptInput, responses=OrganizationOutput, operation_id="invitations_accept_token"
    )
    def post(self, request: Request) -> Response:
        """Accept the invitation whose link one was sent."""
        data = self.given(AcceptInput(data=request.data))
        found = services.invitation_by_token(data["token"])
        place = services.accept_invitation(found, actor=actor(request))
        return Response(OrganizationOutput(places.as_member(place)).data)


class AnswerInvitationView(PlaceView):
    """Yes or no to an invitation to one's own address."""

    scopes = "account:write"  # type: ignore[assignment]  # a name stands for every method
    serializer_class = OrganizationOutput

    @extend_schema(request=None, responses=OrganizationOutput, operation_id="invitations_accept")
    def post(self, request: Request, invitation_id: UUID) -> Response:
        """Accept it."""
        found = places.invitation_to(actor(request), invitation_id)
        place = services.accept_invitation(found, actor=actor(request))
        return Response(OrganizationOutput(places.as_member(place)).data)


class DeclineInvitationView(PlaceView):
    """No to an invitation to one's own address."""

    scopes = "account:write"  # type: ignore[assignment]  # a name stands for every method

    @extend_schema(request=None, responses={204: GONE}, operation_id="invitations_decline")
    def post(self, request: Request, invitation_id: UUID) -> Response:
        """Decline it."""
        found = places.invitation_to(actor(request), invitation_id)
        services.decline_invitation(found, actor=actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ServiceAccountListView(PlaceView):
    """An organization's programs."""

    queryset = Membership.objects.none()  # type: ignore[assignment]  # what the schema looks at

    @extend_schema(
        responses=ServiceAccountOutput(many=True),
        operation_id="organizations_service_accounts_list",
    )
    def get(self, request: Request, ref: str) -> Response:
        """List the service accounts that work."""
        rows = self.paginate_queryset(places.list_programs(self.organization(request, ref)))
        return self.get_paginated_response(ServiceAccountOutput(rows, many=True).data)

    @extend_schema(
        request=ServiceAccountInput,
        responses={201: ServiceAccountOutput},
        operation_id="organizations_service_accounts_create",
    )
    def post(self, request: Request, ref: str) -> Response:
        """Make a service account: it acts by keys, and stays when people leave."""
        data = self.given(ServiceAccountInput(data=request.data))
        found = self.organization(request, ref)
        user = services.create_service_account(found, actor=actor(request), **data)
        shown = ServiceAccountOutput(places.list_programs(found).get(user=user)).data
        return Response(shown, status=status.HTTP_201_CREATED)


class ServiceAccountView(PlaceView):
    """One program."""

    @extend_schema(responses={204: GONE}, operation_id="organizations_service_accounts_delete")
    def delete(self, request: Request, ref: str, user_id: UUID) -> Response:
        """Close a service account; its keys are revoked."""
        found = self.organization(request, ref)
        user = services.get_service_account(found, user_id)
        services.delete_service_account(found, user, actor=actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ServiceKeyView(PlaceView):
    """A program's keys."""

    serializer_class = NewKeyOutput

    @extend_schema(
        request=ServiceKeyInput,
        responses={201: NewKeyOutput},
        operation_id="organizations_service_accounts_keys_create",
    )
    def post(self, request: Request, ref: str, user_id: UUID) -> Response:
        """Make a key for a service account. It is listed and revoked among `api-keys`."""
        data = self.given(ServiceKeyInput(data=request.data))
        found = self.organization(request, ref)
        user = services.get_service_account(found, user_id)
        made = services.create_service_key(found, user, actor=actor(request), **data)
        return new_key_response(made)
