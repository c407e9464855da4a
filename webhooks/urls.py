"""The pages of webhooks."""

from django.urls import path

from webhooks import act_views, form_views, job_views, views

urlpatterns = [
    path("webhooks", views.webhooks, name="webhooks"),
    path("webhooks/new", form_views.webhook_new, name="webhook_new"),
    path("webhooks/picker", form_views.webhook_picker, name="webhook_picker"),
    path("webhooks/check-url", form_views.webhook_check_url, name="webhook_check_url"),
    path("webhooks/<slug:id>", views.webhook, name="webhook"),
    path("webhooks/<slug:id>/now", views.webhook_now, name="webhook_now"),
    path("webhooks/<slug:id>/edit", form_views.webhook_edit, name="webhook_edit"),
    path("webhooks/<slug:id>/secret", views.webhook_secret, name="webhook_secret"),
    path("webhooks/<slug:id>/rotate", act_views.webhook_rotate, name="webhook_rotate"),
    path("webhooks/<slug:id>/delete", act_views.webhook_delete, name="webhook_delete"),
    path("webhooks/<slug:id>/pause", act_views.webhook_pause, name="webhook_pause"),
    path("webhooks/<slug:id>/enable", act_views.webhook_enable, name="webhook_enable"),
    path("webhooks/<slug:id>/test", act_views.webhook_test, name="webhook_test"),
    path("webhooks/<slug:id>/recover", act_views.webhook_recover, name="webhook_recover"),
    path("webhooks/<slug:id>/redeliver", act_views.webhook_redeliver, name="webhook_redeliver"),
    path(
        "webhooks/<slug:id>/recover/preview",
        job_views.webhook_recover_preview,
        name="webhook_recover_preview",
    ),
    path("jobs/<slug:id>/cancel", job_views.job_cancel, name="job_cancel"),
    path("deliveries/<slug:id>", views.delivery, name="delivery"),
    path("deliveries/<slug:id>/redeliver", act_views.delivery_redeliver, name="delivery_redeliver"),
]
