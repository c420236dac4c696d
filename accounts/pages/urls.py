from django.urls import path

from accounts.pages import history_views, notification_views, proof_views, session_views, views

urlpatterns = [
    path("signup", views.signup, name="signup"),
    path("login", views.login, name="login"),
    path("logout", views.logout, name="logout"),
    path("verify-email", proof_views.verify_email, name="verify-email"),
    path("verify-email/resend", proof_views.resend_verification, name="verify-email-resend"),
    path("verify-email/<str:token>", proof_views.verify_by_link, name="verify-email-link"),
    path("forgot-password", proof_views.forgot_password, name="forgot-password"),
    path("reset-password/<str:token>", proof_views.reset_password, name="reset-password"),
    path("keys", views.keys, name="keys"),
    path("keys/<uuid:key_id>/revoke", views.revoke_key, name="key-revoke"),
    path("keys/<uuid:key_id>/history", history_views.key_history, name="key-history"),
    path("profile/activity", history_views.activity, name="activity"),
    path("profile/security", history_views.security_events, name="security-events"),
    path("notifications", notification_views.notifications, name="notifications"),
    path("notifications/read-all", notification_views.read_all, name="notifications-read-all"),
    path(
        "notifications/preferences",
        notification_views.preferences,
        name="notification-preferences",
    ),
    path(
        "notifications/<uuid:notification_id>/read",
        notification_views.read,
        name="notification-read",
    ),
    path("profile", views.profile, name="profile"),
    path("profile/password", views.change_password, name="change-password"),
    path("profile/sessions", session_views.sessions, name="sessions"),
    path("profile/sessions/end", session_views.end_other_sessions, name="sessions-end"),
    path("profile/sessions/<uuid:ended_id>/end", session_views.end_session, name="session-end"),
]
