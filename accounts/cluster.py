"""The worker: a cluster of django-q2 that is started anew when a part of it dies.

The processes of a cluster share pipes with locks. One that is killed while it holds a lock leaves the others waiting
for ever, and django-q2 notices nothing (its issues 23 and 339). So where one dies otherwise than by ending, the whole
cluster ends, and a new one is started. That loses nothing, because the queue only wakes: each process ends when its
parent is gone, a worker after what it has in flight.
"""

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from multiprocessing.process import BaseProcess
from typing import Any, NoReturn

import django_q.cluster
from django.db import connections
from django_q.monitor import monitor
from django_q.pusher import pusher
from django_q.signals import post_execute_in_worker, post_spawn, pre_execute

from accounts import wake
from accounts.outages import DATABASE_AWAY

logger = logging.getLogger(__name__)

# How often a process looks whether its parent and its children are there.
LOOK_EVERY = 0.2
# Between two sweeps of the main process. The first is at the start, which finds what an earlier worker left.
SWEEP_EVERY = timedelta(seconds=5)
# A cluster that does not live this long is started again only after a pause.
SHORT_LIFE = timedelta(seconds=10)
PAUSES = [timedelta(seconds=seconds) for seconds in (0, 1, 2, 5, 10, 30)]
# For what a worker has in flight when its cluster is gone: the 15 s of a send, and its record.
LAST_WORDS = timedelta(seconds=20)


def run(sweep: Callable[[], None]) -> None:
    """Keeps a cluster alive until SIGTERM or SIGINT, to this process or to the group; then lets it finish.

    `sweep` is called now and again; it wakes the drains whose work is due.
    """
    post_spawn.connect(end_with_cluster)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    short_lives = 0
    while not stop.is_set():
        began = time.monotonic()
        # A forked process must not share a connection with this one.
        connections.close_all()
        cluster = Cluster()
        cluster.start()
        _look_after(cluster, sweep, stop)
        if stop.is_set():
            cluster.stop()
            return
        short_lives = short_lives + 1 if time.monotonic() - began < SHORT_LIFE.total_seconds() else 0
        pause = PAUSES[min(short_lives, len(PAUSES) - 1)]
        logger.critical("The cluster died. A new one starts in %d s.", pause.total_seconds())
        stop.wait(pause.total_seconds())


def _look_after(cluster: "Cluster", sweep: Callable[[], None], stop: threading.Event) -> None:
    """Returns when the cluster is gone, or when it is to stop."""
    next_sweep = time.monotonic()
    while cluster.is_alive and not stop.wait(LOOK_EVERY):
        if time.monotonic() < next_sweep:
            continue
        next_sweep = time.monotonic() + SWEEP_EVERY.total_seconds()
        try:
            sweep()
        except (*DATABASE_AWAY, OSError) as problem:
            # The database or the broker is away; the next sweep sees whether it is back.
            logger.warning("The sweep failed: %s", problem)
            connections.close_all()


class Cluster(django_q.cluster.Cluster):  # type: ignore[misc]
    """As django-q2's, with a sentinel that gives up. Leaves the signals of this process alone."""

    def __init__(self) -> None:
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        super().__init__()
        for number, handler in handlers.items():
            signal.signal(number, handler)

    def start(self) -> int:
        self.stop_event = multiprocessing.Event()
        self.start_event = multiprocessing.Event()
        self.sentinel = multiprocessing.get_context("fork").Process(
            target=Sentinel, args=(self.stop_event, self.start_event, self.cluster_id)
        )
        self.sentinel.start()
        return int(self.pid)

    @property
    def is_alive(self) -> bool:
        return bool(self.sentinel.is_alive())


class Sentinel(django_q.cluster.Sentinel):  # type: ignore[misc]
    """Ends when the main process is gone, and when a child of its own died otherwise than by ending."""

    def __init__(self, stop_event: Any, start_event: Any, cluster_id: Any) -> None:
        super().__init__(stop_event, start_event, cluster_id, start=False)
        # Sent to the whole group, it means what the main process makes of it.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        threading.Thread(target=self._look_around, daemon=True).start()
        self.start()

    def spawn_pusher(self) -> Any:
        return self.spawn_process(_guarded, pusher, self.task_queue, self.event_out, self.broker)

    def spawn_monitor(self) -> Any:
        return self.spawn_process(_guarded, monitor, self.result_queue, self.broker)

    def reincarnate(self, process: Any) -> None:
        if process.exitcode not in (None, 0):
            self._give_up(f"The process {process.pid} of the cluster died.")
        super().reincarnate(process)

    def _look_around(self) -> None:
        """A thread, because what the sentinel itself does can wait for a lock that nobody gives back."""
        parent = _parent()
        told = False
        while os.getppid() == parent:
            dead = next(filter(_died, self._children()), None)
            if dead is not None:
                self._give_up(f"The process {dead.pid} of the cluster died.")
            if self.stop_event.is_set() and not told:
                told = True
                # Their drains end after what they have in flight (accounts/wake.py).
                _send(signal.SIGTERM, list(self.pool))
            time.sleep(LOOK_EVERY)
        self._give_up("The main process is gone.")

    def _give_up(self, why: str) -> NoReturn:
        logger.critical(why)
        _send(signal.SIGKILL, [process for process in (self.pusher, self.monitor) if process is not None])
        os._exit(1)

    def _children(self) -> list[BaseProcess]:
        return [process for process in (*self.pool, self.pusher, self.monitor) if process is not None]


def end_with_cluster(**kwargs: Any) -> None:
    """Receiver of django-q2's post_spawn: a worker whose sentinel is gone finishes what it has in flight, and ends."""
    pre_execute.connect(_begin)
    post_execute_in_worker.connect(_finish)
    _end_with_parent(LAST_WORDS)


# Whether this worker has a task.
_busy = threading.Event()


def _begin(**kwargs: Any) -> None:
    _busy.set()


def _finish(**kwargs: Any) -> None:
    _busy.clear()


def _guarded(work: Callable[..., None], *arguments: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _end_with_parent(timedelta(0))
    work(*arguments)


def _end_with_parent(last_words: timedelta) -> None:
    parent = _parent()

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_EVERY)
        wake.stopping = True
        until = time.monotonic() + last_words.total_seconds()
        while _busy.is_set() and time.monotonic() < until:
            time.sleep(LOOK_EVERY)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()


def _parent() -> int:
    parent = multiprocessing.parent_process()
    assert parent is not None
    assert parent.pid is not None
    return parent.pid


def _died(process: BaseProcess) -> bool:
    """Whether a child ended by a signal or an error. Looks without taking its exit status from who waits for it."""
    if process.pid is None:
        return False
    try:
        end = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return process.exitcode not in (None, 0)
    return end is not None and not (end.si_code == os.CLD_EXITED and end.si_status == 0)


def _send(number: signal.Signals, processes: Iterable[BaseProcess]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            if process.pid is not None:
                os.kill(process.pid, number)
