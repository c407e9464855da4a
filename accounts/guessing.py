"""Who guesses passwords is made to wait; who mistypes one is hardly noticed.

Three counts of attempts that failed. The strict one is of a name from one address, so that somebody who guesses cannot
keep the owner of a name, who is elsewhere, out. The one of a name from anywhere is wide, and over within the hour.
"""

from datetime import timedelta

from accounts.limits import Limit, forget, give_back, take

HERE = Limit("login-here", times=5, per=timedelta(minutes=15))
ADDRESS = Limit("login-address", times=50, per=timedelta(minutes=15))
NAME = Limit("login-name", times=100, per=timedelta(hours=1))


def attempt(name: str, address: str) -> timedelta | None:
    """Counts an attempt before its password is looked at; returns how long to wait where it is one too many."""
    taken: list[tuple[Limit, str]] = []
    for limit, subject in _counts(name, address):
        wait = take(limit, subject)
        if wait is not None:
            for one in taken:
                give_back(*one)
            return wait
        taken.append((limit, subject))
    return None


def succeeded(name: str, address: str) -> None:
    """The password was right: the attempt does not count, and those before it from here are forgotten."""
    (here, subject), *others = _counts(name, address)
    forget(here, subject)
    for limit, subject in others:
        give_back(limit, subject)


def proved(names: list[str]) -> None:
    """Somebody has proved by their mailbox who they are: what others guessed keeps them out no longer."""
    for name in names:
        forget(NAME, _plain(name))


def _counts(name: str, address: str) -> list[tuple[Limit, str]]:
    name = _plain(name)
    return [(HERE, f"{address} {name}"), (ADDRESS, address), (NAME, name)]


def _plain(name: str) -> str:
    return name.strip().lower()[:300]
