from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class DashboardConfig(AppConfig):
    name = "dashboard"

    def ready(self) -> None:
        from dashboard import schedules

        post_migrate.connect(schedules.after_migrations, sender=apps.get_app_config("django_q"))
