"""What can be done to a number from its page: each acts, says so, and goes back."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html

from accounts.api import ApiError
from accounts.auditing import record_for
from accounts.pages import MemberRequest, Role, member_page
from dashboard.simulating import CONNECTIONS, HAPPENINGS, NothingToAnswer, change_connection, happen
from dashboard.views.numbers import CONFIG, number_or_404
from phone_numbers import number_settings, registering
from phone_numbers.models import Number
from phone_numbers.phones import to_e164
from phone_numbers.status import read_status
from webhooks import erasing


def told(request: MemberRequest, done: str, act: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Acts and says `done`; a refusal is said instead, and None returned."""
    try:
        result = act(*args, **kwargs)
    except ApiError as problem:
        messages.error(request, problem.sentence)
        return None
    messages.success(request, done)
    return result


@member_page("POST")
def number_new(request: MemberRequest) -> HttpResponse:
    provider = request.POST.get("provider", "")
    names = [name.removesuffix("?") for name in CONFIG.get(provider, [])]
    values = {name: request.POST.get(f"{provider}-{name}", "").strip() for name in names}
    number = told(
        request,
        "The number is added.",
        registering.register,
        request.workspace,
        (request.POST.get("name", "").strip() or request.POST.get("phone", ""))[:200],
        request.POST.get("phone", ""),
        provider,
        {name: value for name, value in values.items() if value},
    )
    return redirect("number", number.pk) if number is not None else redirect("numbers")


@member_page("POST")
def number_rename(request: MemberRequest, id: str) -> HttpResponse:
    number = number_or_404(request.workspace, id)
    name = request.POST.get("name", "").strip()[:200]
    told(request, "The name is changed.", number_settings.update, number, name=name or None)
    return redirect("number", number.pk)


@member_page("POST", role=Role.OWNER)
def number_retention(request: MemberRequest, id: str) -> HttpResponse:
    number = number_or_404(request.workspace, id)
    mode, days = request.POST.get("mode", ""), request.POST.get("days", "")
    if mode not in Number.PiiMode.values:
        messages.error(request, "Choose what is stored.")
        return redirect("number", number.pk)
    wanted = None
    if mode == Number.PiiMode.STORE_X_DAYS and days:
        if not (
            days.isascii() and days.isdigit() and 1 <= int(days[:6]) <= number_settings.MAX_RETENTION_DAYS
        ):
            messages.error(
                request, f"Days are a whole number from 1 to {number_settings.MAX_RETENTION_DAYS}."
            )
            return redirect("number", number.pk)
        wanted = int(days)
    told(
        request,
        "The retention is changed; what is older is blanked from now on.",
        _retain,
        request,
        number,
        mode,
        wanted,
    )
    return redirect("number", number.pk)


def _retain(request: MemberRequest, number: Number, mode: str, days: int | None) -> None:
    number_settings.update(number, pii_mode=mode, pii_retention_days=days)
    stored = Number.PiiMode(mode).label.lower()
    record_for(request.user, request.workspace, [f"Set the retention of {number.phone} to “{stored}”."])


@member_page("POST")
def number_check(request: MemberRequest, id: str) -> HttpResponse:
    number = active_or_404(request, id)
    reading = read_status(number)
    if reading.is_stale:
        messages.error(request, "The provider did not answer; the state is what was known before.")
    else:
        label = Number.State(reading.state).label
        messages.success(request, f"The provider says: {label.lower()}.")
    return redirect("number", number.pk)


@member_page("POST")
def number_remove(request: MemberRequest, id: str) -> HttpResponse:
    number = active_or_404(request, id)
    registering.remove([number])
    messages.success(request, f"{number.name} is removed. It can be restored for 30 days.")
    return redirect("numbers")


@member_page("POST")
def number_restore(request: MemberRequest, id: str) -> HttpResponse:
    number = number_or_404(request.workspace, id)
    told(request, f"{number.name} is restored; its connection is being checked.", registering.restore, number)
    return redirect("number", number.pk)


@member_page("POST", role=Role.OWNER)
def number_purge(request: MemberRequest, id: str) -> HttpResponse:
    number = number_or_404(request.workspace, id)
    if not erasing.begin(number):
        messages.error(request, "Remove the number first; what is removed can be purged.")
        return redirect("number", number.pk)
    record_for(request.user, request.workspace, [f"Erased the number {number.phone}."])
    return redirect("number", number.pk)


@member_page("POST", role=Role.OWNER)
def number_purge_stop(request: MemberRequest, id: str) -> HttpResponse:
    number = number_or_404(request.workspace, id)
    if erasing.stop(number):
        record_for(request.user, request.workspace, [f"Stopped erasing the number {number.phone}."])
        messages.success(request, "The purge is stopped. What was erased is gone; the rest is kept.")
    else:
        messages.error(request, "There was nothing to stop.")
    return redirect("number", number.pk)


@member_page("POST")
def number_simulate(request: MemberRequest, id: str) -> HttpResponse:
    number = active_or_404(request, id)
    what = request.POST.get("what", "")
    if number.provider != "simulator" or what not in {*HAPPENINGS, *CONNECTIONS}:
        raise Http404("Only numbers of the simulator can be made to play something.")
    back = redirect(f"{reverse('number', args=[number.pk])}#simulate")
    if what in CONNECTIONS:
        change_connection(number, what)
        messages.success(request, f"{CONNECTIONS[what]}: played. Watch the connection above.")
        return back
    sender = to_e164(request.POST.get("from", ""))
    text = request.POST.get("text", "").replace("\0", "")[:4096]
    if not sender:
        messages.error(request, "From is a phone with its country code, such as +12025550199.")
        return back
    try:
        happen(number, what, sender, text)
    except (NothingToAnswer, ApiError) as problem:
        messages.error(request, str(problem))
        return back
    link = format_html(
        '{}: played. <a href="{}">Watch it arrive in the live tail</a>',
        HAPPENINGS[what].label,
        reverse("live"),
    )
    messages.success(request, link)
    return back


def active_or_404(request: MemberRequest, id: str) -> Number:
    number = number_or_404(request.workspace, id)
    if number.deleted_at is not None:
        raise Http404("The number was removed.")
    return number
