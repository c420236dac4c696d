from django.urls import path

from accounts.api import key_views, limit_views, views

urlpatterns = [
    path("auth/register", views.RegisterView.as_view(), name="auth-register"),
    path("auth/login", views.LoginView.as_view(), name="auth-login"),
    path("auth/refresh", views.RefreshView.as_view(), name="auth-refresh"),
    path("auth/me", views.MeView.as_view(), name="auth-me"),
    path("auth/profile", views.ProfileView.as_view(), name="auth-profile"),
    path("auth/change-password", views.ChangePasswordView.as_view(), name="auth-change-password"),
    path("api-keys", key_views.KeyListView.as_view(), name="api-keys"),
    path("api-keys/<uuid:key_id>", key_views.KeyView.as_view(), name="api-key"),
    path("api-keys/<uuid:key_id>/revoke", key_views.KeyRevokeView.as_view(), name="api-key-revoke"),
    path("admin/limits", limit_views.LimitListView.as_view(), name="admin-limits"),
    path("admin/limits/<uuid:policy_id>", limit_views.LimitView.as_view(), name="admin-limit"),
]
