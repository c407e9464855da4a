"""The queue's own tables, as django-q2 shows them, but for reading: dashboard/schedules.py makes the schedules."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django_q import admin as queue
from django_q.models import Failure, Schedule, Success


class ForReading:
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ScheduleAdmin(ForReading, queue.ScheduleAdmin):  # type: ignore[misc]
    pass


class FailureAdmin(ForReading, queue.FailAdmin):  # type: ignore[misc]
    actions = None


# A task that succeeded leaves nothing (save_limit), so there is nothing to show.
admin.site.unregister([Schedule, Failure, Success])
admin.site.register(Schedule, ScheduleAdmin)
admin.site.register(Failure, FailureAdmin)
