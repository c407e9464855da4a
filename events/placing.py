"""Every event gets a place in the log of its workspace when it is committed, behind everything placed before.

Ids, sequences and clocks are given out before the commit, so a reader that follows one of them skips what commits late.
A place is given out after the commit, one workspace at a time, and becomes visible before the next is given out: who
reads in their order, and goes on behind the last one, sees each event once (docs/decisions/0006).
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Workspace
from events.models import Event, Place

# Behind the last place, and not before now: so a moment is found among places without a look-up.
PLACE = """
UPDATE events_place SET position = placed.position
FROM (
    SELECT event_id,
        (SELECT CASE WHEN last.position > %s THEN last.position ELSE %s END FROM (
            SELECT COALESCE(MAX(position), 0) AS position FROM (
                SELECT position FROM events_place WHERE workspace_id = waiting.workspace_id AND position > 0
                ORDER BY position DESC LIMIT 1
            ) AS newest
        ) AS last) + ROW_NUMBER() OVER (PARTITION BY workspace_id ORDER BY event_id) AS position
    FROM events_place AS waiting WHERE workspace_id IN ({workspaces}) AND position IS NULL
) AS placed
WHERE events_place.event_id = placed.event_id
"""


def position_at(moment: datetime) -> int:
    """Returns the position behind which everything stands that was placed from `moment` on."""
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond - 1


def keep_place(events: Iterable[Event]) -> None:
    """Makes sure that events which are being recorded are placed as soon as the transaction has committed."""
    events = list(events)
    Place.objects.bulk_create(
        Place(event=event, workspace_id=event.workspace_id, number_id=event.number_id, type=event.type)
        for event in events
    )
    workspaces = {event.workspace_id for event in events}
    # Should this process end first, the next recording or the next reader of the workspace does it.
    transaction.on_commit(lambda: place(workspaces), robust=True)


def place(workspace_ids: Iterable[str]) -> None:
    """Places all events of these workspaces that are committed and have no place yet, in the order of their ids."""
    waiting = Place.objects.filter(workspace_id__in=list(workspace_ids), position=None)
    # Looked up outside the transaction, which takes SQLite's one write lock.
    ids = sorted(set(waiting.values_list("workspace_id", flat=True)))
    if not ids:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        # In order, so that two never wait for each other. What the last one placed is seen after the lock only.
        list(Workspace.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True).values("pk"))
        now = position_at(timezone.now())
        cursor.execute(PLACE.format(workspaces=", ".join(["%s"] * len(ids))), [now, now, *ids])
