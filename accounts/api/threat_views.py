"""Rules about addresses, and what was blocked by itself."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import services
from accounts.api import actor
from accounts.api.threat_serializers import (
    DryRunOutput,
    IpRuleInput,
    IpRuleOutput,
    IpRuleUpdateInput,
)
from accounts.models import IpRule
from accounts.selectors import places, threats
from common.api.conditional import ConditionalMixin
from common.api.queries import choice, flag

STATES = ("open", "lifted", "expired")
GONE = OpenApiResponse(description="Lifted.")


class RulesView(ConditionalMixin, GenericAPIView[Any]):
    """Something about rules; for operators, or an organization's owners and admins."""

    scopes = "org:admin"
    queryset = IpRule.objects.none()
    serializer_class: type[Any] = IpRuleOutput

    def given(self, form: Any) -> dict[str, Any]:
        form.is_valid(raise_exception=True)
        data: dict[str, Any] = form.validated_data
        return data

    def page(self, rules: Any) -> Response:
        rows = self.paginate_queryset(rules)
        return self.get_paginated_response(IpRuleOutput(rows, many=True).data)


class IpRuleListView(RulesView):
    """The global rules."""

    @extend_schema(responses=IpRuleOutput(many=True), operation_id="admin_ip_rules_list")
    def get(self, request: Request) -> Response:
        """List global rules, newest first, those that are over too. For operators."""
        return self.page(threats.list_ip_rules(actor(request)))

    @extend_schema(
        parameters=[
            OpenApiParameter("dry_run", bool, description="Say whom it would hit, and make none.")
        ],
        request=IpRuleInput,
        responses={201: IpRuleOutput, 200: DryRunOutput},
        operation_id="admin_ip_rules_create",
    )
    def post(self, request: Request) -> Response:
        """Block a network everywhere, or except one from a wider block. For operators."""
        who = actor(request)
        data = self.given(IpRuleInput(data=request.data))
        if flag(request, "dry_run"):
            threats.list_ip_rules(who)
            network = services.clean_network(data["network"])
            hits = {"network": network, "would_be_hit": threats.who_is_in(network)}
            return Response(DryRunOutput(hits).data)
        rule = services.create_ip_rule(actor=who, **data)
        return Response(IpRuleOutput(rule).data, status=status.HTTP_201_CREATED)


class IpRuleView(RulesView):
    """One global rule."""

    def rule(self, request: Request, rule_id: UUID) -> IpRule:
        return threats.get_ip_rule(threats.list_ip_rules(actor(request)), rule_id)

    @extend_schema(responses=IpRuleOutput, operation_id="admin_ip_rules_get")
    def get(self, request: Request, rule_id: UUID) -> Response:
        """A rule's details."""
        return Response(IpRuleOutput(self.rule(request, rule_id)).data)

    @extend_schema(
        request=IpRuleUpdateInput,
        responses=IpRuleOutput,
        operation_id="admin_ip_rules_partial_update",
    )
    def patch(self, request: Request, rule_id: UUID) -> Response:
        """Change reason or end."""
        rule = self.rule(request, rule_id)
        data = self.given(IpRuleUpdateInput(data=request.data))
        return Response(
            IpRuleOutput(services.update_ip_rule(rule, data, actor=actor(request))).data
        )

    @extend_schema(
        request=IpRuleUpdateInput, responses=IpRuleOutput, operation_id="admin_ip_rules_update"
    )
    def put(self, request: Request, rule_id: UUID) -> Response:
        """The same as PATCH."""
        return self.patch(request, rule_id)

    @extend_schema(responses={204: GONE}, operation_id="admin_ip_rules_delete")
    def delete(self, request: Request, rule_id: UUID) -> Response:
        """Lift a rule; it stays listed."""
        services.lift_ip_rule(self.rule(request, rule_id), actor=actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ThreatListView(RulesView):
    """What was blocked by itself."""

    @extend_schema(
        parameters=[OpenApiParameter("state", enum=STATES, description="Only these.")],
        responses=IpRuleOutput(many=True),
        operation_id="admin_threats_list",
    )
    def get(self, request: Request) -> Response:
        """List addresses that behaved like an attack, newest first. For operators."""
        state = choice(request, "state", STATES)
        return self.page(threats.list_threats(actor(request), state))


class ThreatView(RulesView):
    """One of them."""

    def threat(self, request: Request, rule_id: UUID) -> IpRule:
        return threats.get_ip_rule(threats.list_threats(actor(request)), rule_id)

    @extend_schema(responses=IpRuleOutput, operation_id="admin_threats_get")
    def get(self, request: Request, rule_id: UUID) -> Response:
        """What was noticed, by which figures, and until when the address is blocked."""
        return Response(IpRuleOutput(self.threat(request, rule_id)).data)


class ThreatUndoView(ThreatView):
    """The way back."""

    http_method_names = ["post", "options"]

    @extend_schema(request=None, responses=IpRuleOutput, operation_id="admin_threats_undo")
    def post(self, request: Request, rule_id: UUID) -> Response:
        """Let the address in again."""
        threat = self.threat(request, rule_id)
        return Response(IpRuleOutput(services.lift_ip_rule(threat, actor=actor(request))).data)


class OwnIpRuleListView(RulesView):
    """An organization's own rules."""

    @extend_schema(responses=IpRuleOutput(many=True), operation_id="organizations_ip_rules_list")
    def get(self, request: Request, ref: str) -> Response:
        """List an organization's rules, newest first. For owners and admins."""
        who = actor(request)
        return self.page(threats.list_own_ip_rules(places.get_organization(who, ref), who))

    @extend_schema(
        request=IpRuleInput,
        responses={201: IpRuleOutput},
        operation_id="organizations_ip_rules_create",
    )
    def post(self, request: Request, ref: str) -> Response:
        """Keep a network out, or allow one; once one is allowed, no other may come in."""
        who = actor(request)
        home = places.get_organization(who, ref)
        data = self.given(IpRuleInput(data=request.data))
        rule = services.create_ip_rule(actor=who, organization=home, **data)
        return Response(IpRuleOutput(rule).data, status=status.HTTP_201_CREATED)


class OwnIpRuleView(RulesView):
    """One of them."""

    http_method_names = ["delete", "options"]

    @extend_schema(responses={204: GONE}, operation_id="organizations_ip_rules_delete")
    def delete(self, request: Request, ref: str, rule_id: UUID) -> Response:
        """Lift a rule; it stays listed."""
        who = actor(request)
        own = threats.list_own_ip_rules(places.get_organization(who, ref), who)
        services.lift_ip_rule(threats.get_ip_rule(own, rule_id), actor=who)
        return Response(status=status.HTTP_204_NO_CONTENT)
