"""The support desk's people: two groups of permissions, and who is in which."""

import secrets

from django.contrib import admin
from django.contrib.auth import get_permission_codename
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from accounts.back_office import PERSONAL_DATA, Acting
from accounts.joining import user_name_for

APPS = {"accounts", "numbers", "messaging", "events", "webhooks"}
SUPPORT = "Support"
SUPPORT_WITH_PERSONAL_DATA = "Support with personal data"


class NotAnAgent(ValueError):
    """Why somebody was not made an agent, as a sentence."""


@transaction.atomic
def groups() -> tuple[Group, Group]:
    """Makes both groups, or renews what they may: look at every table, and act where the desk has an act.

    The second may look at personal data, too. Neither may change a user, a group, a workspace or its members.
    """
    wanted = Q(content_type__app_label="auth", codename="view_user")
    for model, model_admin in admin.site._registry.items():
        opts = model._meta
        if opts.app_label in APPS:
            acts = ["view", "change"] if isinstance(model_admin, Acting) else ["view"]
            names = [get_permission_codename(act, opts) for act in acts]
            wanted |= Q(content_type__app_label=opts.app_label, codename__in=names)
    app_label, codename = PERSONAL_DATA.split(".")
    personal = Permission.objects.get(content_type__app_label=app_label, codename=codename)
    support, _ = Group.objects.get_or_create(name=SUPPORT)
    support.permissions.set(Permission.objects.filter(wanted))
    with_personal_data, _ = Group.objects.get_or_create(name=SUPPORT_WITH_PERSONAL_DATA)
    with_personal_data.permissions.set([*support.permissions.all(), personal])
    return support, with_personal_data


@transaction.atomic
def make_agent(name: str, personal_data: bool) -> tuple[User, bool]:
    """Puts the user with this name or e-mail address into one of the groups, out of the other, and among the staff.

    Returns the user, and whether there was none before: a new one sets a password by "Forgot the password?". Raises
    NotAnAgent.
    """
    support, with_personal_data = groups()
    users = list(User.objects.filter(Q(username=name) | Q(email__iexact=name))[:2])
    if len(users) > 1:
        raise NotAnAgent(f"Several users go by {name}. Say the name by which one of them logs in.")
    if not users and "@" not in name:
        raise NotAnAgent(f"There is no user {name}. Say an e-mail address, and one is made.")
    made = not users
    if made:
        address = name.lower()
        try:
            User._meta.get_field("email").run_validators(address)
        except ValidationError as problem:
            raise NotAnAgent(f"{name} is no e-mail address.") from problem
        # A password that nobody knows; one that cannot be used could not be set anew by e-mail either.
        user = User.objects.create_user(user_name_for(address), address, secrets.token_urlsafe(32))
    else:
        user = users[0]
    user.is_staff = True
    user.save(update_fields=["is_staff"])
    user.groups.remove(support, with_personal_data)
    user.groups.add(with_personal_data if personal_data else support)
    return user, made
