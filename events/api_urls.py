from django.urls import path

from events import api

urlpatterns = [path("event-types", api.EventTypesView.as_view(), name="api-event-types")]
