"""Every address, by floor."""

from django.contrib import admin
from django.urls import path

from dashboard import health

urlpatterns = [
    path("healthz", health.healthz),
    path("metrics", health.metrics),
    path("admin/", admin.site.urls),
]
