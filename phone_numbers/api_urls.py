from django.urls import path

from phone_numbers import api, keys_api

urlpatterns = [
    path("numbers", api.NumbersView.as_view(), name="api-numbers"),
    path("numbers/<str:id>", api.NumberView.as_view(), name="api-number"),
    path("numbers/<str:id>/restore", api.RestoreView.as_view(), name="api-restore-number"),
    path("numbers/<str:id>/purge", api.PurgeView.as_view(), name="api-purge-number"),
    path("numbers/<str:id>/status", api.StatusView.as_view(), name="api-number-status"),
    path("api-keys", keys_api.ApiKeysView.as_view(), name="api-keys"),
]
