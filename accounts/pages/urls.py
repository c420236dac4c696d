from django.urls import path

from accounts.pages import session_views, views

urlpatterns = [
    path("signup", views.signup, name="signup"),
    path("login", views.login, name="login"),
    path("logout", views.logout, name="logout"),
    path("keys", views.keys, name="keys"),
    path("keys/<uuid:key_id>/revoke", views.revoke_key, name="key-revoke"),
    path("profile", views.profile, name="profile"),
    path("profile/password", views.change_password, name="change-password"),
    path("profile/sessions", session_views.sessions, name="sessions"),
    path("profile/sessions/end", session_views.end_other_sessions, name="sessions-end"),
    path("profile/sessions/<uuid:ended_id>/end", session_views.end_session, name="session-end"),
]
