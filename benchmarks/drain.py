"""The deliver drain against one task per delivery and against the bare transport, in one run.

    python -m benchmarks.drain --deliveries 3000 --webhooks 40

One process, receivers on loopback in another. Ratios count; absolute figures are this machine's, today's.
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable

from benchmarks.stage import Receiver


def receive(port: "multiprocessing.Queue[int]") -> None:
    receiver = Receiver()
    port.put(receiver.port)
    while True:
        time.sleep(3600)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--deliveries", type=int, default=3000)
    arguments.add_argument("--webhooks", type=int, default=40)
    options = arguments.parse_args()
    ports: multiprocessing.Queue[int] = multiprocessing.Queue()
    sink = multiprocessing.Process(target=receive, args=(ports,), daemon=True)
    sink.start()
    url = f"http://127.0.0.1:{ports.get()}/hook"

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webhooks_project.settings")
    os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="webhooks-benchmark-")
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("flush", interactive=False, verbosity=0)

    count = options.deliveries
    prepare(url, options.webhooks)
    bare = timed(lambda: send_bare(url, count), count)
    fill(count)
    drained = timed(drain, count)
    one_by_one = max(100, count // 20)
    fill(one_by_one)
    single = timed(lambda: deliver_one_by_one(one_by_one), one_by_one)
    print(f"bare transport          {bare:8.0f}/s")
    print(f"drain                   {drained:8.0f}/s   1/{bare / drained:.1f} of the bare transport")
    print(f"one task per delivery   {single:8.0f}/s   the drain is {drained / single:.1f} times as fast")
    print("(without the cost of the queue, which one task per delivery would pay each time)")


def timed(work: Callable[[], None], count: int) -> float:
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def prepare(url: str, webhooks: int) -> None:
    from accounts.models import Workspace
    from phone_numbers.models import Number
    from webhooks.configuring import create_webhook

    workspace = Workspace.objects.create(name="Benchmark")
    number = Number.objects.create(
        workspace=workspace,
        name="Shop",
        phone="+12025550143",
        provider="simulator",
        provider_ref="bench",
        state="OPEN",
    )
    for index in range(webhooks):
        create_webhook(workspace, number, f"Sink {index}", url, ["message.received"])


def fill(count: int) -> None:
    from django.utils import timezone

    from events.bodies import to_text
    from events.catalog import BY_NAME
    from events.models import Event
    from phone_numbers.models import Number
    from webhooks.models import Delivery, Webhook

    number, webhooks, now = Number.objects.get(), list(Webhook.objects.all()), timezone.now()
    body = to_text(BY_NAME["message.received"].example)
    for start in range(0, count, 500):
        events = [
            Event(workspace_id=number.workspace_id, number=number, type="message.received", body=body, created_at=now,
                  dedupe_key=f"{time.time_ns()}:{index}")
            for index in range(start, min(start + 500, count))
        ]  # fmt: skip
        Event.objects.bulk_create(events)
        Delivery.objects.bulk_create(
            Delivery(event=event, webhook=webhooks[index % len(webhooks)], due_at=now)
            for index, event in enumerate(events)
        )


def drain() -> None:
    from webhooks.delivering import Drain

    running = Drain()
    while running.step():
        pass


def deliver_one_by_one(count: int) -> None:
    from webhooks.claiming import claim
    from webhooks.delivering import Drain

    class OneAtATime(Drain):
        def _send(self) -> int:
            return 0 if self.in_flight else self._send_claimed(claim(1))

    running = OneAtATime()
    while running.step():
        pass


def send_bare(url: str, count: int) -> None:
    from webhooks.transport import Request, transport

    sender, request, out = transport(), Request(url, {"content-type": "application/json"}, b"{}" * 300), 0
    for index in range(count):
        while out >= 128:
            out -= len(sender.collect(1.0, 100))
        sender.submit(request, index)
        out += 1
    while out:
        out -= len(sender.collect(1.0, 100))


if __name__ == "__main__":
    main()
