"""Steady load: N events per second through the Meta door, for a while; what arrives, how late, and what the logs say.

    python -m benchmarks.steady_load --rate 20 --seconds 300

Latency is from the door's 200 to the receiver. DATABASE_URL and REDIS_URL choose the stage; default: SQLite alone.
"""

import argparse
import json
import sys
import time

import requests

from benchmarks.stage import percentile, stage

QUIET_WITHIN_SECONDS = 10


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rate", type=float, default=20)
    arguments.add_argument("--seconds", type=float, default=300)
    options = arguments.parse_args()
    total = int(options.rate * options.seconds)
    with stage() as running, requests.Session() as session:
        time.sleep(3)
        answered: dict[str, float] = {}
        refused = 0
        started = time.perf_counter()
        for index in range(total):
            pause = started + index / options.rate - time.perf_counter()
            if pause > 0:
                time.sleep(pause)
            key = f"load-{index}"
            body = running.text(key)
            response = session.post(
                f"{running.url}/ingest/meta", data=body, headers=running.signed(body), timeout=30
            )
            refused += response.status_code != 200
            answered[key] = time.time()
        took = time.perf_counter() - started
        until = time.monotonic() + QUIET_WITHIN_SECONDS
        while len(running.receiver.arrivals) < total and time.monotonic() < until:
            time.sleep(0.1)
        arrived: dict[str, float] = {}
        for at, body in running.receiver.arrivals:
            arrived.setdefault(json.loads(body)["data"]["content"], at)
        late = [max(0.0, (arrived[key] - at) * 1000) for key, at in answered.items() if key in arrived]
        logs = {name: text for name, text in running.logs().items() if text.strip()}
    print(f"sent {total} in {took:.1f} s ({total / took:.1f}/s), refused {refused}")
    print(f"arrived {len(late)}, missing {total - len(late)} {QUIET_WITHIN_SECONDS} s after the end,"
          f" twice {len(running.receiver.arrivals) - len(arrived)}")  # fmt: skip
    if late:
        shares = {
            name: percentile(late, share) for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
        }
        print("ms from 200 to receiver: " + " ".join(f"{name} {ms:.0f}" for name, ms in shares.items())
              + f" max {max(late):.0f}")  # fmt: skip
    for name, text in logs.items():
        print(f"--- {name} log\n{text}")
    return int(bool(refused or len(late) < total or logs))


if __name__ == "__main__":
    sys.exit(main())
