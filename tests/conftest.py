"""What every test can ask for: Alice's and Bob's workspaces, and Charlie, who has none.

A test that needs threads, `transaction.on_commit`, another process or a live server is marked
`@pytest.mark.django_db(transaction=True)`: its rows are committed, and every table is emptied after it.
"""

import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from pytest_django import DjangoDbBlocker

from accounts.models import Workspace
from phone_numbers.models import Number
from tests.factories import ApiKeyFactory, MembershipFactory, NumberFactory, UserFactory, WorkspaceFactory

pytest_plugins = ["tests.receivers", "tests.web_process"]


@dataclass(frozen=True)
class Tenant:
    """A workspace, its owner, and what the owner has at hand.

    `key` is the text of a workspace API key and `number` a connected simulator number. `client` is logged in
    to the pages; `api` sends the key with every call, and answers 500 where a view raises.
    """

    workspace: Workspace
    user: User
    key: str
    number: Number
    client: Client
    api: Client


def _tenant(name: str) -> Tenant:
    workspace = WorkspaceFactory(name=f"{name}'s shop")
    user = MembershipFactory(workspace=workspace, user__username=name.lower()).user
    key = ApiKeyFactory(workspace=workspace).text
    client = Client()
    client.force_login(user)
    return Tenant(
        workspace=workspace,
        user=user,
        key=key,
        number=NumberFactory(workspace=workspace, name=f"{name}'s number"),
        client=client,
        api=Client(headers={"x-api-key": key}, raise_request_exception=False),
    )


@pytest.fixture
def alice(db: None) -> Tenant:
    return _tenant("Alice")


@pytest.fixture
def bob(db: None) -> Tenant:
    """The neighbour, who must never see anything of Alice's."""
    return _tenant("Bob")


@pytest.fixture
def charlie(db: None) -> User:
    """A user who belongs to no workspace."""
    return UserFactory(username="charlie")


@pytest.fixture
def process_environment(transactional_db: None) -> dict[str, str]:
    """The environment for a process that works on this test's database, such as `manage.py qcluster`."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite:///{database['NAME']}"
    else:
        login = quote(database["USER"], safe="")
        if database["PASSWORD"]:
            login += ":" + quote(database["PASSWORD"], safe="")
        host, port = database["HOST"] or "127.0.0.1", database["PORT"] or 5432
        url = f"postgres://{login}@{host}:{port}/{database['NAME']}"
    return {**os.environ, "DATABASE_URL": url, "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def database_away(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Nothing answers where the database is looked for. Not together with `db`, whose transaction it would end."""
    with django_db_blocker.unblock():
        connection.close()
        settings = connection.settings_dict
        name, port = settings["NAME"], settings["PORT"]
        settings["NAME"], settings["PORT"] = "/nonexistent/db.sqlite3", 1
        try:
            yield
        finally:
            connection.close()
            settings["NAME"], settings["PORT"] = name, port


@pytest.fixture(scope="session", autouse=True)
def _empty_queue() -> Iterator[None]:
    """Leaves nothing in Redis; the ORM broker's queue is a table of the test database."""
    yield
    if settings.REDIS_URL:
        from django_q.brokers import get_broker

        get_broker().delete_queue()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fails what is skipped although it is marked with a name that MUST_RUN lists (.ci/run: browser, languages)."""
    report = yield
    demanded = [name for name in os.environ.get("MUST_RUN", "").split() if item.get_closest_marker(name)]
    if report.skipped and demanded:
        report.outcome = "failed"
        report.longrepr = f"Skipped, but MUST_RUN demands what is marked {demanded[0]}: {report.longrepr}"
    return report
