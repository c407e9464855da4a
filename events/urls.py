"""The provider doors."""

from django.urls import path, re_path

from events import views

urlpatterns = [
    path("ingest/meta", views.meta),
    # Evolution's "webhook by events" puts the event's name behind the address it was given: …/messages-upsert.
    re_path(
        r"^ingest/(?P<provider>evolution)/(?P<ingest_token>[A-Za-z0-9_-]{16,64})(?:/[a-z0-9-]{1,60})?/?$",
        views.gateway,
    ),
    re_path(r"^ingest/(?P<provider>waha)/(?P<ingest_token>[A-Za-z0-9_-]{16,64})$", views.gateway),
]
