from django.urls import path

from config.api import views

urlpatterns = [
    path("admin/metrics", views.MetricsView.as_view(), name="api-admin-metrics"),
    path("admin/health", views.HealthView.as_view(), name="api-admin-health"),
    path("admin/dashboard", views.DashboardView.as_view(), name="api-admin-dashboard"),
]
