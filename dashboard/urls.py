"""The pages that look across apps."""

from django.urls import path

from dashboard.views import (
    api_keys,
    event_types,
    events,
    find,
    live,
    messages,
    number_acts,
    numbers,
    overview,
    reference,
)

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("overview/attention", overview.overview_attention, name="overview_attention"),
    path("overview/events", overview.overview_events, name="overview_events"),
    path("numbers", numbers.numbers, name="numbers"),
    path("numbers/try", numbers.number_try, name="number_try"),
    path("numbers/new", number_acts.number_new, name="number_new"),
    path("numbers/<slug:id>", numbers.number, name="number"),
    path("numbers/<slug:id>/rename", number_acts.number_rename, name="number_rename"),
    path("numbers/<slug:id>/retention", number_acts.number_retention, name="number_retention"),
    path("numbers/<slug:id>/check", number_acts.number_check, name="number_check"),
    path("numbers/<slug:id>/remove", number_acts.number_remove, name="number_remove"),
    path("numbers/<slug:id>/restore", number_acts.number_restore, name="number_restore"),
    path("numbers/<slug:id>/purge", number_acts.number_purge, name="number_purge"),
    path("numbers/<slug:id>/purge/stop", number_acts.number_purge_stop, name="number_purge_stop"),
    path("numbers/<slug:id>/purge/progress", numbers.number_purge_progress, name="number_purge_progress"),
    path("numbers/<slug:id>/simulate", number_acts.number_simulate, name="number_simulate"),
    path("events", events.events, name="events"),
    path("events/new", events.events_new, name="events_new"),
    path("events/<slug:id>", events.event, name="event"),
    path("messages", messages.messages, name="messages"),
    path("messages/new", messages.messages_new, name="messages_new"),
    path("messages/send", messages.message_send, name="message_send"),
    path("messages/<slug:id>", messages.message, name="message"),
    path("live", live.live, name="live"),
    path("live/rows", live.live_rows, name="live_rows"),
    path("event-types", event_types.event_types, name="event_types"),
    path("docs", reference.reference, name="reference"),
    path("api-keys", api_keys.api_keys, name="api_keys"),
    path("api-keys/<slug:id>/revoke", api_keys.api_key_revoke, name="api_key_revoke"),
    path("find", find.find, name="find"),
]
