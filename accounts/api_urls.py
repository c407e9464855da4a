from django.urls import path

from accounts.reference_api import OpenApiView

urlpatterns = [path("openapi.json", OpenApiView.as_view(), name="api-openapi")]
