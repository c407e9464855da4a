"""Every page there is to look at: with a day's work on it, with nothing on it, and while something is wrong.

Read by whatever looks at all of them: axe, the width of a phone, the pictures.
"""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from accounts import changing_email, members
from accounts.models import Membership
from phone_numbers.registering import remove
from tests.factories import (
    EmailChangeFactory,
    InvitationFactory,
    MembershipFactory,
    NumberFactory,
    UserFactory,
    WebhookFactory,
    WorkspaceFactory,
)
from tests.showcase import Showcase, showcase


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("A page that breaks, so that one can look at the answer.")


# The project's addresses and one that breaks: settings.ROOT_URLCONF of whoever looks at sights.
handler500 = "dashboard.refusals.broken_page"
urlpatterns = [path("broken", broken), path("", include("webhooks_project.urls"))]


@dataclass(frozen=True)
class Sight:
    """`user`: None for a visitor. `click`, `press`: what is opened on the page before one looks."""

    name: str
    path: str
    user: User | None
    click: str = ""
    press: str = ""


def set_password_link(user: User) -> str:
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    return f"/password-reset/{uid}/{default_token_generator.make_token(user)}"


def desk(day: Showcase) -> list[Sight]:
    """The support desk's pages that the design shows, or that an agent passes on the way to an answer."""
    agent = UserFactory(username="sofia", is_staff=True, is_superuser=True)
    return [
        Sight("desk", "/admin/", agent),
        Sight("desk_search", f"/admin/search?q=%2B{day.message.contact_phone[1:]}", agent),
        Sight("desk_journey", f"/admin/journey/{day.delivery.event_id}", agent),
        Sight("desk_delivery", f"/admin/webhooks/delivery/{day.delivery.pk}/change/", agent),
        Sight("desk_deliveries", "/admin/webhooks/delivery/", agent),
    ]


def sights(day: Showcase | None = None) -> list[Sight]:
    day = day or showcase()
    newcomer = MembershipFactory(
        workspace=WorkspaceFactory(name="New shop"), user__username="newcomer", user__email="new@example.com"
    )
    number = NumberFactory(workspace=newcomer.workspace, name="Demo number", phone="+12025550143")
    silent = WebhookFactory(number=NumberFactory(name="Quiet"), name="Nothing yet")
    owner = MembershipFactory(workspace=silent.workspace, user__username="quiet").user
    members.change_roles(
        day.workspace, [MembershipFactory(workspace=day.workspace)], Membership.Role.MEMBER, day.user
    )
    for more in ({}, {"sent_at": None}, {"expires_at": timezone.now()}):
        InvitationFactory(workspace=day.workspace, invited_by=day.user, **more)
    # Removed, and so restorable.
    remove([NumberFactory(workspace=day.workspace, name="Old kiosk", phone="+5511988881099")])
    numberless = MembershipFactory(workspace=WorkspaceFactory(name="Nobody"), user__username="nobody").user
    reader = MembershipFactory(
        workspace=day.workspace, role=Membership.Role.READ_ONLY, user__username="reader"
    ).user
    change = EmailChangeFactory(user=reader)
    stranger = UserFactory(username="charlie", email="charlie@example.com")

    full = [
        Sight("overview", "/", day.user),
        Sight("numbers", "/numbers", day.user),
        Sight("number_add", "/numbers", day.user, "text=Add number"),
        Sight("number", f"/numbers/{day.simulator.pk}", day.user),
        Sight("number_suspect", f"/numbers/{day.suspect.pk}", day.user),
        Sight("webhooks", "/webhooks", day.user),
        Sight("webhook_new", "/webhooks/new", day.user),
        Sight("webhook_edit", f"/webhooks/{day.healthy.pk}/edit", day.user),
        Sight("webhook", f"/webhooks/{day.healthy.pk}", day.user),
        Sight("webhook_failing", f"/webhooks/{day.failing.pk}", day.user),
        Sight("webhook_disabled", f"/webhooks/{day.disabled.pk}", day.user),
        Sight("webhook_recovering", f"/webhooks/{day.recovering.pk}", day.user),
        Sight("webhook_secret", f"/webhooks/{day.healthy.pk}/secret", day.user),
        Sight("webhook_recover", f"/webhooks/{day.healthy.pk}", day.user, "text=Recover…"),
        Sight("delivery", f"/deliveries/{day.delivery.pk}", day.user),
        Sight("events", "/events", day.user),
        Sight("event", f"/events/{day.event.pk}", day.user),
        Sight("event_redacted", f"/events/{day.redacted.pk}", day.user),
        Sight("messages", "/messages", day.user),
        Sight("message_send", "/messages", day.user, "text=Send message"),
        Sight("message", f"/messages/{day.message.pk}", day.user),
        Sight("live", "/live", day.user),
        Sight("live_paused", "/live", day.user, "#pause"),
        Sight("event_types", "/event-types", day.user),
        Sight("api_keys", "/api-keys", day.user),
        Sight("members", "/members", day.user),
        Sight("profile", "/profile", day.user),
        Sight("profile_waiting", "/profile", reader),
        Sight("email_confirm", f"/profile/email/{changing_email.token_of(change)}", reader),
        Sight("email_confirm_void", "/profile/email/x", reader),
        Sight("workspace_new", "/workspaces/new", day.user),
        Sight("join_other", f"/join/{InvitationFactory(email='joe@example.com').token}", day.user),
        Sight("shortcuts", "/webhooks", day.user, press="?"),
        Sight("webhook_read_only", f"/webhooks/{day.failing.pk}", reader),
    ]
    empty = [
        Sight("overview_empty", "/", newcomer.user),
        Sight("numbers_empty", "/numbers", numberless),
        Sight("number_empty", f"/numbers/{number.pk}", newcomer.user),
        Sight("webhooks_empty", "/webhooks", newcomer.user),
        Sight("webhooks_filtered", "/webhooks?q=nothing", day.user),
        Sight("webhook_empty", f"/webhooks/{silent.pk}", owner),
        Sight("webhook_new_empty", "/webhooks/new", numberless),
        Sight("events_empty", "/events", newcomer.user),
        Sight("events_filtered", "/events?q=nothing", day.user),
        Sight("messages_empty", "/messages", newcomer.user),
        Sight("messages_filtered", "/messages?q=nothing", day.user),
        Sight("live_empty", "/live", newcomer.user),
        Sight("api_keys_empty", "/api-keys", newcomer.user),
    ]
    lone = [
        Sight("login", "/login", None),
        Sight("docs", "/docs", None),
        Sight("password_reset", "/password-reset", None),
        Sight("password_reset_sent", "/password-reset/sent", None),
        Sight("password_reset_void", "/password-reset/x/y", None),
        Sight("password_new", set_password_link(stranger), None),
        Sight("join", f"/join/{InvitationFactory(workspace=day.workspace).token}", None),
        Sight(
            "join_member",
            f"/join/{InvitationFactory(workspace=day.workspace, email=stranger.email).token}",
            None,
        ),
        Sight("join_void", "/join/nothing", None),
        Sight("403", "/", stranger),
        Sight("404", "/nothing/here", day.user),
        Sight("405", "/members/invite", day.user),
        Sight("500", "/broken", day.user),
    ]
    return full + empty + lone
