from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from django_q.signals import post_spawn

        from accounts import openapi, wake  # noqa: F401

        post_spawn.connect(wake.stop_gracefully)
