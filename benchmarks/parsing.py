"""Parsing and correlating, database apart: events per second and core, per provider. Goal: 5,000.

    python -m benchmarks.parsing --stories 2000

A story is five payloads that make five events: somebody writes, and quotes a message of ours; that message is sent,
delivered and read. Measured in the CPU time of one process:

parse               from the text of a payload to reports
parse + correlate   and on to the bodies that are delivered: who answers what, the ladder, the v3 body as text. Rows are
                    objects in memory, and are found in a dict
whole drain         normalize_batch, with everything that Django does for its queries, less the time in the database
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

GOAL = 5000
Story = list[str]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--stories", type=int, default=2000)
    stories = arguments.parse_args().stories
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webhooks_project.settings")
    os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="webhooks-benchmark-")
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    print(f"{'events/s per core':<20}{'parse':>12}{'+ correlate':>14}{'whole drain':>14}")
    for provider, tell in STORIES.items():
        number = make_number(provider)
        bodies = [body for index in range(stories) for body in tell(index)]
        parsed = timed(len(bodies), parse, number, bodies)
        correlated = timed(len(bodies), correlate, number, bodies, stories)
        drained = drain(number, bodies[: len(bodies) // 2], stories)
        verdict = "" if correlated >= GOAL else f"   below {GOAL}"
        print(f"{provider:<20}{parsed:>12,.0f}{correlated:>14,.0f}{drained:>14,.0f}{verdict}")


def timed(count: int, work: Callable[..., Any], *arguments: Any) -> float:
    started = time.process_time()
    work(*arguments)
    return count / (time.process_time() - started)


def make_number(provider: str) -> Any:
    from accounts.models import Workspace
    from phone_numbers.models import Number

    Number.objects.all().delete()
    return Number.objects.create(
        workspace=Workspace.objects.create(name="Benchmark"),
        name="Shop",
        phone="+12025550143",
        provider=provider,
        provider_ref="106540352242922",
        state="OPEN",
    )


def parse(number: Any, bodies: Story) -> list[Any]:
    adapter = number.adapter
    return [adapter.parse(body, number) for body in bodies]


def correlate(number: Any, bodies: Story, stories: int) -> None:
    from events.bodies import message_body, to_text
    from messaging.arrivals import Arrival
    from messaging.changes import MessageChange
    from messaging.receiving import change_of, message_of
    from messaging.statuses import reach
    from phone_numbers.reports import InboundMessage, StatusReport

    ours = {message.external_id: message for message in sent_messages(number, stories)}
    made = 0
    now = datetime.now(UTC)
    for reports in parse(number, bodies):
        for report in reports:
            at = getattr(report, "at", None) or now
            if isinstance(report, StatusReport):
                message = ours[report.message_id]
                changes = [
                    MessageChange(kind=kind, message=message, at=at, correlation_id=message.correlation_id)
                    for kind in reach(message, report.status, at)
                ]
            elif isinstance(report, InboundMessage):
                arrival = Arrival(number, report, at)
                answered = ours[report.quote.message_id] if report.quote else None
                changes = [change_of(arrival, message_of(arrival), answered, ours[our_id(0)])]
            for change in changes:
                to_text(message_body(change, number))
                made += 1
    assert made == len(bodies), made


def drain(number: Any, bodies: Story, stories: int) -> float:
    from django.db import connection

    from events import inbox
    from events.models import Event
    from events.normalizing import normalize_batch
    from messaging.models import Message
    from phone_numbers.providers.base import Part

    Message.objects.bulk_create(sent_messages(number, stories))
    inbox.store(number.provider, [Part(ref=None, body=body) for body in bodies], number)
    in_database = 0.0

    def watch(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        nonlocal in_database
        started = time.process_time()
        try:
            return execute(sql, params, many, context)
        finally:
            in_database += time.process_time() - started

    started = time.process_time()
    with connection.execute_wrapper(watch):
        while normalize_batch():
            pass
    spent = time.process_time() - started - in_database
    assert Event.objects.filter(number=number).count() == len(bodies)
    return len(bodies) / spent


def sent_messages(number: Any, stories: int) -> list[Any]:
    from django.utils import timezone

    from messaging.models import Message
    from phone_numbers.phones import contact_key

    return [
        Message(
            workspace_id=number.workspace_id,
            number=number,
            direction="outbound",
            status="QUEUED",
            external_id=our_id(index),
            correlation_id=f"order-{index}",
            contact_phone="+447700900123",
            contact_key=contact_key("+447700900123"),
            type="text",
            content="Shall we deliver today?",
            created_at=timezone.now(),
        )
        for index in range(stories)
    ]


def our_id(index: int) -> str:
    return f"3EB0OURS{index:012d}"


def their_id(kind: str, index: int) -> str:
    return f"3EB0{kind}{index:012d}"


def tell_meta(index: int) -> Story:
    from tests.phone_numbers.providers.meta import payloads as meta

    context = {"from": "12025550143", "id": our_id(index)}
    return _texts(
        meta.message(id=their_id("TEXT", index)),
        meta.message(id=their_id("REPLY", index), context=context),
        *(meta.status(word, id=our_id(index)) for word in ("sent", "delivered", "read")),
    )


def tell_evolution(index: int) -> Story:
    from tests.phone_numbers.providers.evolution import payloads as evolution

    context = {
        "stanzaId": our_id(index),
        "participant": "12025550143@s.whatsapp.net",
        "quotedMessage": {"conversation": "Shall we deliver today?"},
    }
    reply = {"extendedTextMessage": {"text": "Yes please", "contextInfo": context}}
    return _texts(
        evolution.upsert({"conversation": "good afternoon"}, {"id": their_id("TEXT", index)}),
        evolution.upsert(reply, {"id": their_id("REPLY", index)}),
        *(
            evolution.update(keyId=our_id(index), status=word)
            for word in ("SERVER_ACK", "DELIVERY_ACK", "READ")
        ),
    )


def tell_waha(index: int) -> Story:
    from tests.phone_numbers.providers.waha import payloads as waha

    context = waha.QUOTE | {"stanzaId": our_id(index)}
    reply = {"extendedTextMessage": {"text": "Yes please", "contextInfo": context}}
    chat = waha.ADA
    return _texts(
        waha.noweb("good afternoon", id=f"false_{chat}_{their_id('TEXT', index)}"),
        waha.noweb("Yes please", reply, id=f"false_{chat}_{their_id('REPLY', index)}"),
        *(
            waha.ack(*ack, id=f"true_{chat}_{our_id(index)}")
            for ack in ((1, "SERVER"), (2, "DEVICE"), (3, "READ"))
        ),
    )


def tell_simulator(index: int) -> Story:
    from phone_numbers.providers.simulator.engine import inbound

    status = {
        "type": "status",
        "messageId": our_id(index),
        "reference": "",
        "to": "+447700900123",
        "groupId": "",
    }
    return [
        inbound("+447700900123", "good afternoon"),
        inbound("+447700900123", "Yes please", quoted=our_id(index), quoted_text="Shall we deliver today?"),
        *_texts(*(status | {"status": word} for word in ("sent", "delivered", "read"))),
    ]


def _texts(*payloads: Any) -> Story:
    return [json.dumps(payload) for payload in payloads]


STORIES: dict[str, Callable[[int], Story]] = {
    "meta": tell_meta,
    "evolution": tell_evolution,
    "waha": tell_waha,
    "simulator": tell_simulator,
}

if __name__ == "__main__":
    main()
