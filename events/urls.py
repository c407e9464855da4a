"""The provider doors."""

from django.urls import path, re_path

from events import views

urlpatterns = [
    path("ingest/meta", views.meta),
    re_path(r"^ingest/(?P<provider>evolution|waha)/(?P<ingest_token>[A-Za-z0-9_-]{16,64})$", views.gateway),
]
