from django.urls import path

from events import api

urlpatterns = [
    path("event-types", api.EventTypesView.as_view(), name="api-event-types"),
    path("events", api.EventsView.as_view(), name="api-events"),
    path("events/<str:id>", api.EventView.as_view(), name="api-event"),
]
