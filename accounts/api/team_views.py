"""Teams, and who is in them."""

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
from accounts.api.organization_serializers import (
    MemberOutput,
    RoleInput,
    TeamInput,
    TeamMemberInput,
    TeamOutput,
    TeamUpdateInput,
)
from accounts.models import Team
from accounts.selectors import places
from common.api.conditional import ConditionalMixin

GONE = OpenApiResponse(description="Done.")


class TeamsView(ConditionalMixin, GenericAPIView[Any]):
    """Something about teams."""

    scopes = {
        "get": "account:read",
        "post": "account:write",
        "put": "account:write",
        "patch": "account:write",
        "delete": "account:write",
    }
    queryset = Team.objects.none()
    serializer_class: type[Any] = TeamOutput

    def team(self, request: Request, team_id: UUID) -> Team:
        return places.get_team(actor(request), team_id)

    def given(self, form: Any) -> dict[str, Any]:
        form.is_valid(raise_exception=True)
        data: dict[str, Any] = form.validated_data
        return data


class TeamListView(TeamsView):
    """The teams one can see."""

    @extend_schema(responses=TeamOutput(many=True), operation_id="teams_list")
    def get(self, request: Request) -> Response:
        """List the teams of one's organizations, and those one is in, by name."""
        rows = self.paginate_queryset(places.list_teams(actor(request)))
        return self.get_paginated_response(TeamOutput(rows, many=True).data)

    @extend_schema(request=TeamInput, responses={201: TeamOutput}, operation_id="teams_create")
    def post(self, request: Request) -> Response:
        """Make a team, and be its owner."""
        data, who = self.given(TeamInput(data=request.data)), actor(request)
        if "organization" in data:
            data["organization"] = places.get_organization(who, data["organization"])
        made = services.create_team(actor=who, **data)
        return Response(
            TeamOutput(places.get_team(who, made.id)).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": f"/api/v1/teams/{made.id}"},
        )


class TeamView(TeamsView):
    """One team."""

    @extend_schema(responses=TeamOutput, operation_id="teams_get")
    def get(self, request: Request, team_id: UUID) -> Response:
        """A team's details."""
        return Response(TeamOutput(self.team(request, team_id)).data)

    @extend_schema(
        request=TeamUpdateInput, responses=TeamOutput, operation_id="teams_partial_update"
    )
    def patch(self, request: Request, team_id: UUID) -> Response:
        """Change name or description; what is absent stays."""
        data = self.given(TeamUpdateInput(data=request.data))
        team = services.update_team(self.team(request, team_id), data, actor=actor(request))
        return Response(TeamOutput(team).data)

    @extend_schema(request=TeamUpdateInput, responses=TeamOutput, operation_id="teams_update")
    def put(self, request: Request, team_id: UUID) -> Response:
        """The same as PATCH."""
        return self.patch(request, team_id)

    @extend_schema(responses={204: GONE}, operation_id="teams_delete")
    def delete(self, request: Request, team_id: UUID) -> Response:
        """Delete a team: what was shared with it is shared no more."""
        services.delete_team(self.team(request, team_id), actor=actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class TeamMemberListView(TeamsView):
    """Who is in a team."""

    @extend_schema(responses=MemberOutput(many=True), operation_id="teams_members_list")
    def get(self, request: Request, team_id: UUID) -> Response:
        """List a team's members, those who came first first."""
        rows = self.paginate_queryset(places.list_team_members(self.team(request, team_id)))
        return self.get_paginated_response(MemberOutput(rows, many=True).data)

    @extend_schema(
        request=TeamMemberInput, responses={201: MemberOutput}, operation_id="teams_members_create"
    )
    def post(self, request: Request, team_id: UUID) -> Response:
        """Put somebody into the team who has an account, in whatever organization."""
        data = self.given(TeamMemberInput(data=request.data))
        place = services.add_team_member(self.team(request, team_id), actor=actor(request), **data)
        return Response(MemberOutput(place).data, status=status.HTTP_201_CREATED)


class TeamMemberView(TeamsView):
    """One member of a team."""

    @extend_schema(
        request=RoleInput, responses=MemberOutput, operation_id="teams_members_partial_update"
    )
    def patch(self, request: Request, team_id: UUID, user_id: UUID) -> Response:
        """Give a member another role."""
        data = self.given(RoleInput(data=request.data))
        team = self.team(request, team_id)
        place = services.set_team_member_role(team, user_id, actor=actor(request), **data)
        return Response(MemberOutput(place).data)

    @extend_schema(request=RoleInput, responses=MemberOutput, operation_id="teams_members_update")
    def put(self, request: Request, team_id: UUID, user_id: UUID) -> Response:
        """The same as PATCH."""
        return self.patch(request, team_id, user_id)

    @extend_schema(responses={204: GONE}, operation_id="teams_members_delete")
    def delete(self, request: Request, team_id: UUID, user_id: UUID) -> Response:
        """Take a member out of the team, or leave it."""
        services.remove_team_member(self.team(request, team_id), user_id, actor=actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
