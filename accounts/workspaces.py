"""Workspaces are made by people who own one already, and renamed by those who own it."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction

from accounts.auditing import record_for
from accounts.limits import Exceeded, Limit, take
from accounts.models import Membership, Workspace

NEW_WORKSPACES = Limit("new-workspaces", times=20, per=timedelta(hours=1))


def create(name: str, owner: User) -> Workspace:
    """Makes a workspace of which `owner` is the only member. Raises Exceeded."""
    wait = take(NEW_WORKSPACES, str(owner.pk))
    if wait is not None:
        raise Exceeded("You have made too many workspaces.", wait)
    with transaction.atomic():
        workspace = Workspace.objects.create(name=name)
        Membership.objects.create(workspace=workspace, user=owner, role=Membership.Role.OWNER)
        record_for(owner, workspace, [f"Made the workspace {name}."])
    return workspace


def rename(workspace: Workspace, name: str, by: User) -> None:
    """Gives the workspace another name, which its invitations and pages say from then on."""
    before, workspace.name = workspace.name, name
    if before == name:
        return
    with transaction.atomic():
        workspace.save(update_fields=["name"])
        record_for(by, workspace, [f"Renamed {before} to {name}."])
