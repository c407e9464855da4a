"""Who did what that somebody may ask about later: entries of the admin's own log, which every row's "History" shows."""

from collections.abc import Sequence
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, QuerySet

from accounts.models import Workspace


def record(user: Any, model: type[Model], ids: Sequence[str], sentence: str) -> None:
    """Puts on record that `user` did what the sentence says to these rows."""
    kind = ContentType.objects.get_for_model(model)
    LogEntry.objects.bulk_create(
        LogEntry(
            user_id=user.pk,
            content_type=kind,
            object_id=id,
            object_repr=id[:200],
            action_flag=CHANGE,
            change_message=sentence,
        )
        for id in ids
    )


def record_for(user: Any, workspace: Workspace, sentences: Sequence[str]) -> None:
    """Puts on record, in the history of a workspace, what `user` did there."""
    kind = ContentType.objects.get_for_model(Workspace)
    LogEntry.objects.bulk_create(
        LogEntry(
            user_id=user.pk,
            content_type=kind,
            object_id=workspace.pk,
            object_repr=str(workspace)[:200],
            action_flag=CHANGE,
            change_message=sentence,
        )
        for sentence in sentences
    )


def history_of(workspace: Workspace) -> QuerySet[LogEntry]:
    """What is on record of a workspace, the newest first."""
    kind = ContentType.objects.get_for_model(Workspace)
    entries = LogEntry.objects.filter(content_type=kind, object_id=workspace.pk)
    return entries.select_related("user").order_by("-pk")
