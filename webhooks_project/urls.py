"""Every address, by floor."""

from django.contrib import admin
from django.urls import include, path

from dashboard import health, support
from dashboard.views import journey

urlpatterns = [
    path("healthz", health.healthz),
    path("metrics", health.metrics),
    path("", include("dashboard.urls")),
    path("", include("webhooks.urls")),
    path("", include("accounts.urls")),
    path("", include("events.urls")),
    path("v1/", include("messaging.api_urls")),
    path("v1/", include("phone_numbers.api_urls")),
    path("v1/", include("events.api_urls")),
    path("v1/", include("webhooks.api_urls")),
    path("admin/search", admin.site.admin_view(support.search), name="support_search"),
    path("admin/journey/<slug:id>", admin.site.admin_view(journey.journey), name="journey"),
    path("admin/", admin.site.urls),
]
