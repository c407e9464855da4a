"""Changing who belongs to a workspace, and as what; it always keeps an owner."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.contrib.auth.models import User
from django.db import transaction

from accounts.auditing import record_for
from accounts.models import Membership, Workspace


class LastOwner(Exception):
    """Nothing was changed: the workspace would have been left without an owner who can log in."""

    def __init__(self) -> None:
        super().__init__("A workspace needs an owner. Make somebody else an owner first.")


def change_roles(workspace: Workspace, memberships: Sequence[Membership], role: str, by: User) -> None:
    """Gives members of the workspace another role; raises LastOwner."""
    with _keeping_an_owner(workspace):
        changed = [one for one in memberships if one.role != role]
        Membership.objects.filter(workspace=workspace, pk__in=[one.pk for one in changed]).update(role=role)
        label = Membership.Role(role).label.lower()
        record_for(
            by,
            workspace,
            [
                f"Changed {called(one.user)} from {one.get_role_display().lower()} to {label}."
                for one in changed
            ],
        )


def remove(workspace: Workspace, memberships: Sequence[Membership], by: User) -> None:
    """Takes members out of the workspace, at once and with all their sessions; raises LastOwner."""
    with _keeping_an_owner(workspace):
        Membership.objects.filter(workspace=workspace, pk__in=[one.pk for one in memberships]).delete()
        record_for(
            by,
            workspace,
            ["Left." if one.user_id == by.pk else f"Removed {called(one.user)}." for one in memberships],
        )


def called(user: User) -> str:
    """A user as others know them."""
    return user.email or user.get_username()


@contextmanager
def _keeping_an_owner(workspace: Workspace) -> Iterator[None]:
    with transaction.atomic():
        # One after the other: two owners who each demote the other would leave none.
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
        yield
        owners = Membership.objects.filter(
            workspace=workspace, role=Membership.Role.OWNER, user__is_active=True
        )
        if not owners.exists():
            raise LastOwner
