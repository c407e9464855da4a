from django.urls import path

from webhooks import api

urlpatterns = [
    path("webhooks", api.WebhooksView.as_view(), name="api-webhooks"),
    path("webhooks/<str:id>", api.WebhookView.as_view(), name="api-webhook"),
    path("webhooks/<str:id>/logs", api.LogsView.as_view(), name="api-webhook-logs"),
    path("webhooks/<str:id>/deliveries", api.DeliveriesView.as_view(), name="api-webhook-deliveries"),
    path("webhooks/<str:id>/secret", api.SecretView.as_view(), name="api-webhook-secret"),
    path("webhooks/<str:id>/secret/rotate", api.RotateView.as_view(), name="api-webhook-secret-rotate"),
    path("webhooks/<str:id>/test", api.SendTestView.as_view(), name="api-webhook-test"),
    path("webhooks/<str:id>/recover", api.RecoverView.as_view(), name="api-webhook-recover"),
    path("events/<str:id>/webhooks", api.ExplanationView.as_view(), name="api-event-webhooks"),
    path("jobs/<str:id>", api.JobView.as_view(), name="api-job"),
    path("deliveries/<str:id>", api.DeliveryView.as_view(), name="api-delivery"),
    path("deliveries/<str:id>/redeliver", api.RedeliverView.as_view(), name="api-redeliver"),
]
