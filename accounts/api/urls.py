from django.urls import path

from accounts.api import (
    admin_views,
    history_views,
    key_views,
    limit_views,
    notification_views,
    proof_views,
    session_views,
    team_views,
    threat_views,
    views,
)
from accounts.api import organization_views as places

urlpatterns = [
    path("auth/register", views.RegisterView.as_view(), name="auth-register"),
    path("auth/login", views.LoginView.as_view(), name="auth-login"),
    path("auth/refresh", views.RefreshView.as_view(), name="auth-refresh"),
    path("auth/logout", session_views.LogoutView.as_view(), name="auth-logout"),
    path("auth/sessions", session_views.SessionsView.as_view(), name="auth-sessions"),
    path(
        "auth/sessions/<uuid:session_id>", session_views.SessionView.as_view(), name="auth-session"
    ),
    path("auth/verify-email", proof_views.VerifyEmailView.as_view(), name="auth-verify-email"),
    path(
        "auth/resend-verification",
        proof_views.ResendVerificationView.as_view(),
        name="auth-resend-verification",
    ),
    path(
        "auth/forgot-password",
        proof_views.ForgotPasswordView.as_view(),
        name="auth-forgot-password",
    ),
    path(
        "auth/reset-password", proof_views.ResetPasswordView.as_view(), name="auth-reset-password"
    ),
    path("auth/me", views.MeView.as_view(), name="auth-me"),
    path("auth/profile", views.ProfileView.as_view(), name="auth-profile"),
    path("auth/change-password", views.ChangePasswordView.as_view(), name="auth-change-password"),
    path("api-keys", key_views.KeyListView.as_view(), name="api-keys"),
    path("api-keys/leaked", key_views.LeakedKeysView.as_view(), name="api-keys-leaked"),
    path("api-keys/<uuid:key_id>", key_views.KeyView.as_view(), name="api-key"),
    path("api-keys/<uuid:key_id>/revoke", key_views.KeyRevokeView.as_view(), name="api-key-revoke"),
    path("api-keys/<uuid:key_id>/roll", key_views.KeyRollView.as_view(), name="api-key-roll"),
    path("organizations", places.OrganizationListView.as_view(), name="api-organizations"),
    path("organizations/<str:ref>", places.OrganizationView.as_view(), name="api-organization"),
    path("organizations/<str:ref>/members", places.MemberListView.as_view(), name="api-members"),
    path(
        "organizations/<str:ref>/members/<uuid:user_id>",
        places.MemberView.as_view(),
        name="api-member",
    ),
    path(
        "organizations/<str:ref>/invitations",
        places.InvitationListView.as_view(),
        name="api-invitations",
    ),
    path(
        "organizations/<str:ref>/invitations/<uuid:invitation_id>",
        places.InvitationView.as_view(),
        name="api-invitation",
    ),
    path(
        "organizations/<str:ref>/audit",
        history_views.OrganizationAuditView.as_view(),
        name="api-organization-audit",
    ),
    path(
        "organizations/<str:ref>/service-accounts",
        places.ServiceAccountListView.as_view(),
        name="api-service-accounts",
    ),
    path(
        "organizations/<str:ref>/service-accounts/<uuid:user_id>",
        places.ServiceAccountView.as_view(),
        name="api-service-account",
    ),
    path(
        "organizations/<str:ref>/service-accounts/<uuid:user_id>/keys",
        places.ServiceKeyView.as_view(),
        name="api-service-keys",
    ),
    path("users/me/activity", history_views.ActivityView.as_view(), name="api-activity"),
    path(
        "users/me/security-events",
        history_views.SecurityEventsView.as_view(),
        name="api-security-events",
    ),
    path(
        "notifications",
        notification_views.NotificationListView.as_view(),
        name="api-notifications",
    ),
    path(
        "notifications/read-all",
        notification_views.ReadAllView.as_view(),
        name="api-notifications-read-all",
    ),
    path(
        "notifications/preferences",
        notification_views.PreferencesView.as_view(),
        name="api-notification-preferences",
    ),
    path(
        "notifications/<uuid:notification_id>/read",
        notification_views.NotificationReadView.as_view(),
        name="api-notification-read",
    ),
    path("admin/users", admin_views.AccountListView.as_view(), name="api-admin-users"),
    path("admin/users/bulk", admin_views.BulkView.as_view(), name="api-admin-users-bulk"),
    path("admin/users/<uuid:user_id>", admin_views.AccountView.as_view(), name="api-admin-user"),
    path("admin/activity", admin_views.EverybodysActivityView.as_view(), name="api-admin-activity"),
    path("admin/audit", admin_views.PlatformAuditView.as_view(), name="api-admin-audit"),
    path(
        "admin/notifications",
        notification_views.OperatorNotificationListView.as_view(),
        name="api-admin-notifications",
    ),
    path("invitations", places.MyInvitationsView.as_view(), name="api-my-invitations"),
    path("invitations/accept", places.AcceptByTokenView.as_view(), name="api-invitation-token"),
    path(
        "invitations/<uuid:invitation_id>/accept",
        places.AnswerInvitationView.as_view(),
        name="api-invitation-accept",
    ),
    path(
        "invitations/<uuid:invitation_id>/decline",
        places.DeclineInvitationView.as_view(),
        name="api-invitation-decline",
    ),
    path("teams", team_views.TeamListView.as_view(), name="api-teams"),
    path("teams/<uuid:team_id>", team_views.TeamView.as_view(), name="api-team"),
    path(
        "teams/<uuid:team_id>/members",
        team_views.TeamMemberListView.as_view(),
        name="api-team-members",
    ),
    path(
        "teams/<uuid:team_id>/members/<uuid:user_id>",
        team_views.TeamMemberView.as_view(),
        name="api-team-member",
    ),
    path("admin/limits", limit_views.LimitListView.as_view(), name="admin-limits"),
    path("admin/limits/<uuid:policy_id>", limit_views.LimitView.as_view(), name="admin-limit"),
    path("admin/ip-rules", threat_views.IpRuleListView.as_view(), name="api-ip-rules"),
    path("admin/ip-rules/<uuid:rule_id>", threat_views.IpRuleView.as_view(), name="api-ip-rule"),
    path("admin/threats", threat_views.ThreatListView.as_view(), name="api-threats"),
    path("admin/threats/<uuid:rule_id>", threat_views.ThreatView.as_view(), name="api-threat"),
    path(
        "admin/threats/<uuid:rule_id>/undo",
        threat_views.ThreatUndoView.as_view(),
        name="api-threat-undo",
    ),
    path(
        "organizations/<str:ref>/ip-rules",
        threat_views.OwnIpRuleListView.as_view(),
        name="api-own-ip-rules",
    ),
    path(
        "organizations/<str:ref>/ip-rules/<uuid:rule_id>",
        threat_views.OwnIpRuleView.as_view(),
        name="api-own-ip-rule",
    ),
]
