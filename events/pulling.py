"""The log of a workspace for those who follow it: every event once, in an order that never changes.

A follower keeps the position behind which it goes on, whatever it filters by. Where nothing is new, it keeps the one
that it has.
"""

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count, Max

from events.models import Event, Place
from events.placing import place, position_at

START = 0
# With a filter by type a batch looks at so many places at most, so that a rare type costs no more than a frequent one.
LOOKED_AT = 5000


@dataclass(frozen=True)
class Batch:
    """`position` is where the next batch begins; `has_more`: there is more behind it already."""

    events: list[Event]
    position: int
    has_more: bool


def read(
    workspace_id: str, after: int, limit: int, number_id: str = "", types: Collection[str] = ()
) -> Batch:
    """Returns up to `limit` events of a workspace, or of one of its numbers, that stand behind the position `after`.

    With `types` it may be fewer, or none, although there are more.
    """
    place([workspace_id])
    places = Place.objects.filter(position__gt=after).order_by("position")
    # A number's index begins with the number, and a number is of one workspace.
    places = places.filter(number_id=number_id) if number_id else places.filter(workspace_id=workspace_id)
    end, is_cut = after, False
    if types:
        looked_at = places[:LOOKED_AT].aggregate(end=Max("position"), count=Count("pk"))
        end, is_cut = looked_at["end"] or after, looked_at["count"] == LOOKED_AT
        places = places.filter(type__in=types, position__lte=end)
    found = list(places.select_related("event")[: limit + 1])
    if len(found) > limit:
        found = found[:limit]
        end, is_cut = found[-1].position or end, True
    elif found and not types:
        end = found[-1].position or end
    return Batch([row.event for row in found], end, is_cut)


def newest_position(workspace_id: str) -> int:
    """Returns the position behind which only what is yet to come will stand."""
    place([workspace_id])
    places = Place.objects.filter(workspace_id=workspace_id, position__gt=START)
    return places.order_by("-position").values_list("position", flat=True).first() or START


def position_of(event: Event) -> int:
    """Returns where an event stands; a sample, which is not in the log, would stand where it was made."""
    place([event.workspace_id])
    position = Place.objects.filter(event=event).values_list("position", flat=True).first()
    return position_at(event.recorded_at) if position is None else position
