from django.urls import path

from messaging import api

urlpatterns = [
    path("messages", api.MessagesView.as_view(), name="api-messages"),
    path("messages/send", api.SendView.as_view(), name="api-send-message"),
    path("messages/cancel", api.CancelView.as_view(), name="api-cancel-messages"),
    path("messages/history", api.HistoryView.as_view(), name="api-message-history"),
    # WhatsApp's ids are base64 and may hold slashes.
    path("messages/<path:name>", api.MessageView.as_view(), name="api-message"),
]
