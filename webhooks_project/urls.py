"""Every address, by floor."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from accounts import views
from accounts.unknown_api import UnknownCallView
from dashboard import health, support
from dashboard.refusals import unknown_page
from dashboard.views import journey

handler500 = "dashboard.refusals.broken_page"

urlpatterns = [
    path("healthz", health.healthz),
    path("metrics", health.metrics),
    path("", include("dashboard.urls")),
    path("", include("webhooks.urls")),
    path("", include("accounts.urls")),
    path("", include("events.urls")),
    path("v1/", include("accounts.api_urls")),
    path("v1/", include("messaging.api_urls")),
    path("v1/", include("phone_numbers.api_urls")),
    path("v1/", include("events.api_urls")),
    path("v1/", include("webhooks.api_urls")),
    re_path(r"^v1(/|$)", UnknownCallView.as_view()),
    path("admin/search", admin.site.admin_view(support.search), name="support_search"),
    path("admin/journey/<slug:id>", admin.site.admin_view(journey.journey), name="journey"),
    path("admin/login/", views.admin_login),
    path("admin/password_change/", admin.site.admin_view(views.admin_password_change)),
    path("admin/", admin.site.urls),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    re_path(r"[\s\S]", unknown_page),
]
