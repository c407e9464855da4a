"""The support desk's search: whatever a customer quotes, over every workspace, with what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from accounts.back_office import quoted
from accounts.models import ApiKey, Invitation, Workspace
from dashboard.stories import Stories, stories_of
from events.models import Call, Event, RawPayload
from messaging.lookup import find
from messaging.models import Message
from phone_numbers.models import Number
from phone_numbers.phones import contact_key, to_e164
from webhooks.listing import delivery_rows
from webhooks.models import Attempt, Delivery, Webhook
from webhooks.wording import count

# Of each kind, the newest.
SHOWN = 20


@dataclass(frozen=True)
class Hit:
    """Something that was found: what kind, its page in the admin, and what is to be said of it."""

    kind: str
    pk: str
    url: str
    says: str
    tone: str = ""

    @property
    def has_journey(self) -> bool:
        """Whether dashboard/journeys.py tells more of it."""
        return self.kind in {"Event", "Payload", "Delivery"}


def search(request: HttpRequest) -> HttpResponse:
    """For staff; the route wraps it in the admin's own check. Shows only what their permissions let them see."""
    text = quoted(request.GET.get("q", ""))[:300]
    messages = _messages(text) if text else []
    stories = stories_of(messages)
    may = {kind.lower(): may_see(request, kind) for kind in KINDS}
    hits = [hit for hit in hits_of(text, stories) if may_see(request, hit.kind)] if text else []
    context = {
        **admin.site.each_context(request),
        "title": "Search",
        "text": text,
        "hits": hits,
        "stories": stories if may["message"] or may["event"] else None,
        "may": may,
    }
    return render(request, "admin/search.html", context)


KINDS: dict[str, type[Model]] = {
    "Workspace": Workspace,
    "User": User,
    "Invitation": Invitation,
    "API key": ApiKey,
    "Number": Number,
    "Webhook": Webhook,
    "Message": Message,
    "Event": Event,
    "Payload": RawPayload,
    "Delivery": Delivery,
    "Call": Call,
}


def may_see(request: HttpRequest, kind: str) -> bool:
    meta = KINDS[kind]._meta
    return bool(request.user.has_perm(f"{meta.app_label}.view_{meta.model_name}"))


def hits_of(text: str, stories: Stories) -> list[Hit]:
    """What else a text names than the messages of `stories`: an id, a phone of ours, an API key, a user's name or
    e-mail address, a part of a URL, of a webhook's name or of a workspace's."""
    events = _events(text)
    return [
        *_workspaces(text),
        *_users(text),
        *_invitations(text),
        *_keys(text),
        *_numbers(text),
        *_webhooks(text),
        *(_event_hit(event) for event in events),
        *_payloads(text, events, stories),
        *_deliveries(text, events),
        *_calls(text),
    ]


def _event_hit(event: Event) -> Hit:
    return _hit("Event", event, f"{event.type}, {event.workspace}, {event.created_at:%d %b %H:%M:%S} UTC")


def _hit(kind: str, row: Model, says: str, tone: str = "") -> Hit:
    meta = KINDS[kind]._meta
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    return Hit(kind, str(row.pk), url, says, tone)


def _workspaces(text: str) -> list[Hit]:
    if text.startswith("ws_"):
        rows = Workspace.objects.filter(pk=text)
    else:
        rows = Workspace.objects.filter(name__icontains=text)
    return [_hit("Workspace", row, row.name) for row in rows.order_by("name")[:SHOWN]]


def _users(text: str) -> list[Hit]:
    users = User.objects.filter(Q(username__iexact=text) | Q(email__iexact=text)).order_by("pk")
    return [
        _hit("User", user, f"{user.get_username()}: {_roles(user) or 'belongs to no workspace'}")
        for user in users.prefetch_related("memberships__workspace")[:SHOWN]
    ]


def _invitations(text: str) -> list[Hit]:
    invitations = Invitation.objects.filter(email=text.lower()).select_related("workspace").order_by("-pk")
    return [_hit("Invitation", one, f"{one}: {_became(one)}") for one in invitations[:SHOWN]]


def _became(invitation: Invitation) -> str:
    if invitation.accepted_at is not None:
        return f"accepted {invitation.accepted_at:%d %b %H:%M} UTC"
    if invitation.withdrawn_at is not None:
        return f"withdrawn {invitation.withdrawn_at:%d %b %H:%M} UTC"
    if invitation.sent_at is None:
        return "its e-mail was not sent yet" if invitation.due_at else "its e-mail could not be sent"
    words = "expired" if invitation.has_expired else "open until"
    return f"sent {invitation.sent_at:%d %b %H:%M} UTC, {words} {invitation.expires_at:%d %b %H:%M} UTC"


def _roles(user: User) -> str:
    return ", ".join(
        f"{membership.get_role_display().lower()} of {membership.workspace}"
        for membership in user.memberships.all()
    )


def _keys(text: str) -> list[Hit]:
    """By the id, the prefix, or the key itself, of which only the prefix is looked at."""
    prefix = text.removeprefix("wak_").split("_")[0]
    keys = ApiKey.objects.filter(Q(pk=text) | Q(prefix=prefix)).select_related("workspace")
    return [
        _hit("API key", key, f"{key}, {key.workspace}: {'revoked' if key.revoked_at else 'active'}")
        for key in keys[:SHOWN]
    ]


def _calls(text: str) -> list[Hit]:
    # By number, because that is how the index of the provider's ids begins.
    calls = Call.objects.filter(number__in=Number.objects.order_by().values("pk"), external_id=text)
    return [
        _hit("Call", call, f"{call.status.lower()}, {call.number}, {call.first_seen_at:%d %b %H:%M:%S} UTC")
        for call in calls.select_related("number")[:SHOWN]
    ]


def _numbers(text: str) -> list[Hit]:
    numbers = Number.objects.select_related("workspace").order_by("-pk")
    phone = to_e164(text)
    rows = numbers.filter(phone=phone) if phone else numbers.filter(pk=text)
    return [
        _hit("Number", row, f"{row.phone}, {row.name}, {row.workspace}: {row.get_state_display()}")
        for row in rows[:SHOWN]
    ]


def _webhooks(text: str) -> list[Hit]:
    webhooks = Webhook.objects.select_related("workspace").order_by("-pk")
    if text.startswith("wh_"):
        webhooks = webhooks.filter(pk=text)
    else:
        named = Q(name__icontains=text)
        webhooks = webhooks.filter(named | Q(url__icontains=text) if "/" in text or "." in text else named)
    return [
        _hit(
            "Webhook", row, f"{row.name}, {row.url}, {row.workspace}: {'active' if row.active else 'disabled'}",
            "ok" if row.active else "bad",
        )
        for row in webhooks[:SHOWN]
    ]  # fmt: skip


def _messages(text: str) -> list[Message]:
    messages = Message.objects.select_related("number", "workspace")
    # A correlationId is what a customer chose: several workspaces may have the same.
    correlated = list(messages.filter(correlation_id=text).order_by("-pk")[:SHOWN]) if text else []
    if correlated:
        return correlated
    found = find(messages, Number.objects.all(), text)
    if found is not None:
        return [found]
    phone = to_e164(text)
    if not phone:
        return []
    # By number, because that is how the index of contacts begins.
    mine = messages.filter(number__in=Number.objects.order_by().values("pk"), contact_key=contact_key(phone))
    return list(mine.order_by("-created_at")[:SHOWN])


def _events(text: str) -> list[Event]:
    events = Event.objects.select_related("workspace").defer("body")
    match text.split("_")[0]:
        case "evt":
            return list(events.filter(pk=text))
        case "pay":
            return list(events.filter(raw_payload=text).order_by("pk")[:SHOWN])
        case "dlv":
            return list(events.filter(deliveries=text))
        case "att":
            return list(events.filter(deliveries__attempts=text))
    return []


def _payloads(text: str, events: Sequence[Event], stories: Stories) -> list[Hit]:
    """Those of the events; and beside messages those of the same numbers that failed: what is missing may be in one."""
    told = stories.payload_ids
    ids = {event.raw_payload_id for event in events if event.raw_payload_id} | {text}
    payloads = RawPayload.objects.defer("body").order_by("-pk")
    rows = list(payloads.filter(pk__in=ids)[:SHOWN])
    numbers = {story.message.number_id for story in stories.rows}
    if numbers:
        failed = payloads.filter(status=RawPayload.Status.FAILED, number__in=numbers)
        rows += [row for row in failed.order_by("-received_at")[:SHOWN] if row.pk not in ids | told]
    return [
        _hit(
            "Payload", row,
            f"{row.provider}, {row.received_at:%d %b %H:%M:%S} UTC: "
            f"{row.get_status_display().lower()}{': ' + row.reason if row.reason else ''}",
            "bad" if row.status == RawPayload.Status.FAILED else "",
        )
        for row in rows
    ]  # fmt: skip


def _deliveries(text: str, events: Sequence[Event]) -> list[Hit]:
    if text.startswith("dlv_"):
        deliveries = Delivery.objects.filter(pk=text)
    elif text.startswith("att_"):
        deliveries = Delivery.objects.filter(pk__in=Attempt.objects.filter(pk=text).values("delivery"))
    else:
        deliveries = Delivery.objects.filter(event__in=[event.pk for event in events])
    rows = delivery_rows(deliveries.order_by("-pk")[: 3 * SHOWN])
    return [
        _hit(
            "Delivery", row.delivery,
            f"{row.delivery.event.type} to {row.delivery.webhook}, {row.delivery.created_at:%d %b %H:%M:%S} UTC: "
            f"{row.state.label.lower()}{', ' + row.state.why if row.state.why else ''} "
            f"({count(row.delivery.attempts_made, 'attempt')})",
            row.state.tone,
        )
        for row in rows
    ]  # fmt: skip
