from django.urls import path

from accounts.pages import history_views, notification_views, session_views, views

urlpatterns = [
    path("signup", views.signup, name="signup"),
    path("login", views.login, name="login"),
    path("logout", views.logout, name="logout"),
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
