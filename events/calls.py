"""Voice calls (Meta only): flat events, each once however often and however late a call is reported."""

import hashlib
import json
from collections.abc import Sequence

from events.bodies import Body, iso
from events.models import Call
from events.recording import Draft, record
from messaging.arrivals import Arrival
from phone_numbers.phones import contact_key
from phone_numbers.reports import CallKind, CallReport, CallsEnvelope

CallArrival = Arrival[CallReport | CallsEnvelope]

# What may still follow: a call that rings can be picked up or missed, one that is over makes no news.
ORDER = {CallKind.RINGING: 0, CallKind.CONNECTED: 1, CallKind.ENDED: 2, CallKind.MISSED: 2}


def record_calls(arrivals: Sequence[CallArrival]) -> None:
    """Records the events of calls, inside the caller's transaction."""
    calls = _locked_calls(arrivals)
    drafts = []
    for arrival in arrivals:
        if isinstance(arrival.report, CallsEnvelope):
            drafts.append(_envelope(arrival, arrival.report))
        elif arrival.report.kind is CallKind.PERMISSION_UPDATED or arrival.report.external_id is None:
            drafts.append(_draft(arrival, arrival.report, None))
        else:
            call = calls[arrival.number.pk, arrival.report.external_id]
            rank = ORDER[arrival.report.kind]
            if call.rank is not None and rank <= call.rank:
                continue
            call.rank, call.status = rank, arrival.report.status
            drafts.append(_draft(arrival, arrival.report, call))
    Call.objects.bulk_update(calls.values(), ["rank", "status"])
    record(drafts)


def _locked_calls(arrivals: Sequence[CallArrival]) -> dict[tuple[str, str], Call]:
    wanted = {
        (arrival.number.pk, arrival.report.external_id): arrival.number
        for arrival in arrivals
        if isinstance(arrival.report, CallReport) and arrival.report.external_id is not None
    }
    if not wanted:
        return {}
    Call.objects.bulk_create(
        [Call(number=wanted[place], external_id=place[1]) for place in sorted(wanted)], ignore_conflicts=True
    )
    found = (
        Call.objects.filter(
            number__in={number_id for number_id, _ in wanted},
            external_id__in={external_id for _, external_id in wanted},
        )
        .order_by("pk")
        .select_for_update()
    )
    return {(call.number_id, call.external_id): call for call in found}


def _draft(arrival: CallArrival, report: CallReport, call: Call | None) -> Draft:
    at = iso(arrival.at)
    body: Body = {
        "event": f"call.{report.kind}",
        "callId": call.pk if call else None,
        "externalCallId": report.external_id,
        "direction": report.direction,
        "status": report.status,
        "from": report.sender.phone,
        "to": report.recipient.phone,
        "createdAt": at,
        "timestamp": at,
    }
    if report.duration is not None and report.kind is CallKind.ENDED:
        body["duration"] = report.duration
    other = report.recipient if report.direction == "OUTBOUND" else report.sender
    who = contact_key(other.phone, other.opaque_id)
    what = report.external_id or f"{who}:{at}:{report.status}"
    return Draft(
        number=arrival.number,
        body=body,
        created_at=arrival.at,
        dedupe_key=f"call.{report.kind}:{what}"[:400],
        conversation=who,
        raw_payload_id=arrival.raw_payload_id,
    )


def _envelope(arrival: CallArrival, report: CallsEnvelope) -> Draft:
    digest = hashlib.sha256(json.dumps(report.envelope, sort_keys=True).encode()).hexdigest()
    return Draft(
        number=arrival.number,
        body={"event": "calls", "data": report.envelope},
        created_at=arrival.at,
        dedupe_key=f"calls:{digest}",
        raw_payload_id=arrival.raw_payload_id,
    )
