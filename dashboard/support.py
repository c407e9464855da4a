"""The support desk's search: whatever a customer quotes, over every workspace, with what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from accounts.models import ApiKey, Workspace
from events.models import Call, Event, RawPayload
from messaging.lookup import find
from messaging.models import Message
from phone_numbers.models import Number
from phone_numbers.phones import contact_key, to_e164
from webhooks.listing import delivery_rows
from webhooks.models import Attempt, Delivery, Webhook

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
        return self.kind in {"Message", "Event", "Payload", "Delivery"}


def search(request: HttpRequest) -> HttpResponse:
    """For staff; the route wraps it in the admin's own check. Shows only what their permissions let them see."""
    text = request.GET.get("q", "").replace("\0", "").strip()[:300]
    hits = [hit for hit in hits_of(text) if may_see(request, hit)] if text else []
    context = {**admin.site.each_context(request), "title": "Search", "text": text, "hits": hits}
    return render(request, "admin/search.html", context)


KINDS: dict[str, type[Model]] = {
    "Workspace": Workspace,
    "User": User,
    "API key": ApiKey,
    "Number": Number,
    "Webhook": Webhook,
    "Message": Message,
    "Event": Event,
    "Payload": RawPayload,
    "Delivery": Delivery,
    "Call": Call,
}


def may_see(request: HttpRequest, hit: Hit) -> bool:
    meta = KINDS[hit.kind]._meta
    return bool(request.user.has_perm(f"{meta.app_label}.view_{meta.model_name}"))


def hits_of(text: str) -> list[Hit]:
    """What a text names: an id, a correlationId, WhatsApp's id, a phone, an API key, a user's name or e-mail address, a
    part of a URL or of a workspace's name."""
    messages = _messages(text)
    events = _events(text, messages)
    return [
        *_workspaces(text),
        *_users(text),
        *_keys(text),
        *_numbers(text),
        *_webhooks(text),
        *(_message_hit(message) for message in messages),
        *(_event_hit(event) for event in events),
        *_payloads(text, events, messages),
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


def _roles(user: User) -> str:
    return ", ".join(
        f"{membership.get_role_display().lower()} of {membership.workspace}"
        for membership in user.memberships.all()
    )


def _keys(text: str) -> list[Hit]:
    """By the id, the prefix, or the key itself, of which only the prefix is looked at."""
    prefix = text.split("_")[1] if text.count("_") == 2 and text.startswith("wak_") else text
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
    elif "/" in text or "." in text:
        webhooks = webhooks.filter(url__icontains=text)
    else:
        return []
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


def _message_hit(message: Message) -> Hit:
    words = f"{message.direction}, {message.get_status_display().lower()}, {message.number.name} in {message.workspace}"
    failed = message.status == Message.Status.FAILED
    says = f"{words}, {message.created_at:%d %b %H:%M:%S} UTC{': ' + message.error if failed else ''}"
    return _hit("Message", message, says, "bad" if failed else "")


def _events(text: str, messages: Sequence[Message]) -> list[Event]:
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
    return list(
        events.filter(message_id__in=[message.pk for message in messages]).order_by("-pk")[: 3 * SHOWN]
    )


def _payloads(text: str, events: Sequence[Event], messages: Sequence[Message]) -> list[Hit]:
    """Those of the events; and beside messages those of the same numbers that failed: what is missing may be in one."""
    ids = {event.raw_payload_id for event in events if event.raw_payload_id} | {text}
    payloads = RawPayload.objects.defer("body").order_by("-pk")
    rows = list(payloads.filter(pk__in=ids)[:SHOWN])
    numbers = {message.number_id for message in messages}
    if numbers:
        failed = payloads.filter(status=RawPayload.Status.FAILED, number__in=numbers)
        rows += [row for row in failed.order_by("-received_at")[:SHOWN] if row.pk not in ids]
    return [
        _hit(
            "Payload", row,
            f"{row.provider}: {row.get_status_display().lower()}{': ' + row.reason if row.reason else ''}",
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
            f"{row.delivery.event.type} to {row.delivery.webhook}: {row.state.label.lower()}"
            f"{', ' + row.state.why if row.state.why else ''} ({row.delivery.attempts_made} attempts)",
            row.state.tone,
        )
        for row in rows
    ]  # fmt: skip
