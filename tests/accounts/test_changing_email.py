"""Another address for an account: asked for with the password, confirmed by a link, told to the old address."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import changing_email, guessing, joining, mailing, tasks
from accounts.models import EmailChange, Invitation
from tests.accounts.test_mailing import NOBODY_LISTENS
from tests.accounts.test_members import at_once
from tests.conftest import Tenant
from tests.factories import EmailChangeFactory, InvitationFactory, MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse"
NEW = "alice@new.example"


def text(response: Any) -> str:
    return str(response.content.decode())


def plain(page: str, *words: str) -> str:
    """A page without what differs by chance, and without these words."""
    page = re.sub(r'(csrfmiddlewaretoken" value=|datetime=|title=)"[^"]*"', "", page)
    for word in words:
        page = page.replace(word, "")
    return page


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def ask(tenant: Tenant, email: str = NEW, password: str = PASSWORD) -> Any:
    return tenant.client.post("/profile/email", {"email": email, "password": password})


def link_to(tenant: Tenant, email: str = NEW) -> str:
    """The link in the e-mail that the address gets, when Alice asks for it."""
    ask(tenant, email)
    tasks.mail()
    assert mail.outbox[-1].to == [email]
    return re.findall(r"^http://[^/]+(/profile/email/\S+)$", mail.outbox[-1].body, re.MULTILINE)[0]


def link_of(change: EmailChange) -> str:
    return f"/profile/email/{changing_email.token_of(change)}"


def email_of(user: User) -> str:
    return User.objects.get(pk=user.pk).email


def log_in(name: str, password: str = PASSWORD) -> bool:
    return Client().post("/login", {"username": name, "password": password}).status_code == 302


# --- The whole way


def test_an_address_is_changed_by_the_link_in_the_e_mail(alice: Tenant, settings: Any) -> None:
    settings.PUBLIC_URL = "https://hooks.example.com"
    with time_machine.travel("2026-03-01T10:00:00Z", tick=False):
        asked = alice.client.post("/profile/email", {"email": "Alice@New.example", "password": PASSWORD})
        assert asked.headers["location"] == "/profile"
        assert "An e-mail with a link goes to <strong>alice@new.example" in text(alice.client.get("/profile"))
        tasks.mail()
        (question,) = mail.outbox
        assert question.to == [NEW]
        assert "until 2 March 2026, 10:00 UTC" in question.body
        (link,) = re.findall(r"^https://hooks\.example\.com(/\S+)$", question.body, re.MULTILINE)

        assert "alice@example.com" in text(alice.client.get(link))
        assert email_of(alice.user) == "alice@example.com"
        done = alice.client.post(link, follow=True)
        assert "Your address is alice@new.example." in text(done)
        assert email_of(alice.user) == NEW

        tasks.mail()
        notice = mail.outbox[1]
        assert notice.to == ["alice@example.com"]
        assert "1 March 2026, 10:00 UTC" in notice.body
        assert "Before: alice@example.com\nNow: alice@new.example" in notice.body
        assert "If it was not you" in notice.body
        assert "http" not in notice.body
        assert not EmailChange.objects.exists()
    assert log_in(NEW)
    assert not log_in("alice@example.com")


# --- Asking


@pytest.mark.parametrize(
    ("form", "field", "sentence"),
    [
        ({"email": "nonsense"}, "email", "This is no e-mail address."),
        ({"email": "a@b"}, "email", "This is no e-mail address."),
        ({"email": "nul\0@x.example"}, "email", "Null characters are not allowed."),
        ({"email": "ALICE@example.com"}, "email", "This is your address already."),
        ({"email": "a" * 250 + "@x.example"}, "email", "at most 254 characters"),
        ({"email": ("İ" * 60 + ".") * 4 + "example"}, "email", "This is no e-mail address."),
        ({"email": "a@" + ("İ" * 60 + ".") * 4 + "x"}, "email", "This is no e-mail address."),
        ({"email": ""}, "email", "This field is required."),
        ({"password": "wrong"}, "email-password", "This is not your password."),
        ({"password": ""}, "email-password", "This field is required."),
    ],
)
def test_what_cannot_be_taken_is_said_beside_its_field(
    alice: Tenant, form: dict[str, str], field: str, sentence: str
) -> None:
    response = alice.client.post("/profile/email", {"email": NEW, "password": PASSWORD} | form)
    assert response.status_code == 400
    (said,) = re.findall(rf'id="{field}-error" role="alert">(.*?)</p>', text(response), re.DOTALL)
    assert sentence in said
    assert "email" in form or f'value="{NEW}"' in text(response)
    assert not EmailChange.objects.exists()


def test_a_stolen_session_cannot_guess_the_password(alice: Tenant) -> None:
    answers = [ask(alice, password="wrong").status_code for _ in range(guessing.HERE.times + 1)]
    assert answers == [400] * guessing.HERE.times + [429]
    assert ask(alice).status_code == 429
    assert not EmailChange.objects.exists()


def test_guesses_count_together_wherever_the_password_is_asked_for(alice: Tenant) -> None:
    form = {"old_password": "wrong", "new_password1": "x", "new_password2": "x"}
    for _ in range(guessing.HERE.times):
        alice.client.post("/profile/password", form)
    assert ask(alice).status_code == 429


def test_who_mistypes_the_address_alone_has_guessed_nothing(alice: Tenant) -> None:
    for _ in range(guessing.HERE.times + 1):
        assert ask(alice, "nonsense").status_code == 400


def test_one_user_asks_for_so_many_e_mails_an_hour(alice: Tenant, bob: Tenant) -> None:
    times = changing_email.PER_USER.times
    answers = [ask(alice, f"new-{n}@x.example").status_code for n in range(times + 1)]
    assert answers == [302] * times + [429]
    assert ask(bob).status_code == 302


def test_no_address_is_flooded_whoever_asks() -> None:
    for _ in range(changing_email.PER_ADDRESS.times):
        changing_email.ask(UserFactory(), NEW)
    with pytest.raises(changing_email.Exceeded):
        changing_email.ask(UserFactory(), NEW)


@pytest.mark.django_db(transaction=True)
def test_of_two_requests_at_once_one_is_left() -> None:
    user = UserFactory()
    acts: list[Callable[[], None]] = [
        lambda n=n: changing_email.ask(user, f"{n}@x.example")  # type: ignore[misc]
        for n in range(3)
    ]
    assert at_once(*acts) == [None] * 3
    assert EmailChange.objects.count() == 1


# --- An address that another account has


def test_an_address_that_is_taken_is_answered_like_one_that_is_free(alice: Tenant, bob: Tenant) -> None:
    answers, queries = [], []
    # The first request of an hour begins a count.
    for email in ("first@example.com", "nobody@example.com", "bob@example.com"):
        with CaptureQueriesContext(connection) as captured:
            answer = ask(alice, email)
            page = text(alice.client.get("/profile"))
        answers.append((answer.status_code, answer.headers["location"], plain(page, email)))
        queries.append([re.sub(r"'[^']*'|_[sx]\d+|\d+", "", query["sql"]) for query in captured])
    assert answers[1] == answers[2]
    assert queries[1] == queries[2]


@pytest.mark.parametrize(
    "other",
    [
        {"email": "Taken@Example.com"},
        {"email": "taken@example.com", "is_active": False},
        {"email": "another@example.com", "username": "taken@example.com"},
    ],
)
def test_who_has_the_address_reads_that_somebody_asked_and_gets_no_link(
    alice: Tenant, other: dict[str, Any]
) -> None:
    UserFactory(**other)
    ask(alice, "taken@example.com")
    tasks.mail()
    (message,) = mail.outbox
    assert message.to == ["taken@example.com"]
    assert "An account there goes by it already" in message.body
    assert "http" not in message.body
    assert "alice" not in message.body


def test_an_address_that_was_taken_meanwhile_is_refused_with_a_sentence(alice: Tenant) -> None:
    link = link_to(alice)
    UserFactory(email=NEW.upper())
    response = alice.client.post(link)
    assert response.status_code == 409
    assert f"Another account has {NEW} by now. Nothing was changed." in text(response)
    assert email_of(alice.user) == "alice@example.com"
    assert not LogEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_who_confirm_the_same_address_at_once_do_not_both_get_it() -> None:
    changes = [EmailChangeFactory(email=NEW) for _ in range(3)]
    outcomes = at_once(
        *[
            lambda one=one: changing_email.confirm(changing_email.token_of(one), one.user)  # type: ignore[misc]
            for one in changes
        ]
    )
    assert [type(outcome) for outcome in outcomes if outcome] == [changing_email.Taken] * 2
    assert User.objects.filter(email=NEW).count() == 1


@pytest.mark.django_db(transaction=True)
def test_who_confirms_an_address_and_who_is_new_by_it_do_not_both_get_it() -> None:
    change, invitation = EmailChangeFactory(email=NEW), InvitationFactory(email=NEW)
    outcomes = at_once(
        lambda: changing_email.confirm(changing_email.token_of(change), change.user),
        lambda: joining.accept_as_new(invitation, "Alice", "a green bicycle"),
    )
    assert [type(one) for one in outcomes if one] in ([changing_email.Taken], [joining.Void])
    assert User.objects.filter(email=NEW).count() == 1


# --- The link


def test_looking_at_a_link_changes_nothing(alice: Tenant) -> None:
    link = link_to(alice)
    for _ in range(2):
        assert alice.client.get(link).status_code == 200
        assert alice.client.head(link).status_code == 200
    assert email_of(alice.user) == "alice@example.com"
    assert alice.client.post(link).status_code == 302


def test_a_link_works_once(alice: Tenant) -> None:
    link = link_to(alice)
    alice.client.post(link)
    for response in (alice.client.get(link), alice.client.post(link)):
        assert response.status_code == 404
        assert "This link does not work" in text(response)
    assert LogEntry.objects.filter(object_id=str(alice.user.pk)).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_link_that_is_opened_twice_at_once_works_once() -> None:
    change = EmailChangeFactory()
    token = changing_email.token_of(change)
    outcomes = at_once(*[lambda: changing_email.confirm(token, change.user)] * 3)
    assert [type(outcome) for outcome in outcomes if outcome] == [changing_email.Void] * 2


def test_a_link_works_for_a_day(alice: Tenant) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        link = link_to(alice)
        clock.shift(changing_email.LASTS - timedelta(seconds=1))
        assert alice.client.get(link).status_code == 200
        clock.shift(timedelta(seconds=1))
        assert alice.client.post(link).status_code == 404
        assert "e-mail with a link goes to" not in text(alice.client.get("/profile"))
    assert email_of(alice.user) == "alice@example.com"


def test_a_newer_request_makes_the_link_void(alice: Tenant) -> None:
    first, second = link_to(alice), link_to(alice, "alice@other.example")
    assert alice.client.post(first).status_code == 404
    assert alice.client.post(second).status_code == 302
    assert email_of(alice.user) == "alice@other.example"


def test_the_same_address_asked_for_again_has_a_link_of_its_own(alice: Tenant) -> None:
    first, second = link_to(alice), link_to(alice)
    assert alice.client.post(first).status_code == 404
    assert alice.client.post(second).status_code == 302


def test_a_new_password_makes_the_link_void(alice: Tenant) -> None:
    link = link_to(alice)
    form = {"old_password": PASSWORD, "new_password1": "a green bicycle", "new_password2": "a green bicycle"}
    alice.client.post("/profile/password", form)
    assert alice.client.post(link).status_code == 404
    assert email_of(alice.user) == "alice@example.com"


def test_an_address_that_the_support_desk_has_changed_makes_the_link_void(alice: Tenant) -> None:
    link = link_to(alice)
    User.objects.filter(pk=alice.user.pk).update(email="alice@desk.example")
    assert alice.client.post(link).status_code == 404
    assert email_of(alice.user) == "alice@desk.example"


def test_somebody_elses_link_shows_and_changes_nothing(alice: Tenant, bob: Tenant) -> None:
    link = link_to(alice)
    for response in (bob.client.get(link), bob.client.post(link)):
        assert response.status_code == 404
        assert "you are logged in as bob@example.com" in text(response)
        assert f"/logout?next={link}" in text(response)
        assert NEW not in text(response)
    assert (email_of(alice.user), email_of(bob.user)) == ("alice@example.com", "bob@example.com")


def test_who_is_logged_out_logs_in_first_and_then_confirms(alice: Tenant) -> None:
    link = link_to(alice)
    client = Client()
    assert client.get(link).headers["location"] == f"/login?next={link}"
    assert client.post(link).status_code == 302
    assert email_of(alice.user) == "alice@example.com"
    page = client.post(f"/login?next={link}", {"username": "alice", "password": PASSWORD}, follow=True)
    assert "Use this address?" in text(page)
    client.post(link)
    assert email_of(alice.user) == NEW


@pytest.mark.parametrize("token", ["x", "eml_1.x", ".", "é", "%00", "0" * 2000])
def test_a_link_that_nobody_was_sent_says_so(alice: Tenant, token: str) -> None:
    EmailChangeFactory(user=alice.user)
    response = alice.client.post(f"/profile/email/{token}")
    assert response.status_code == 404
    assert "This link does not work" in text(response)


def test_the_page_is_kept_by_no_cache(alice: Tenant) -> None:
    assert "no-store" in alice.client.get(link_to(alice))["Cache-Control"]


@pytest.mark.parametrize("path", ["/profile/email", "/profile/email/x"])
def test_other_methods_are_refused(alice: Tenant, path: str) -> None:
    assert alice.client.delete(path).status_code == 405


def test_a_token_stands_nowhere_but_in_the_e_mail(alice: Tenant) -> None:
    signature = link_to(alice).rpartition(".")[2]
    assert signature not in str(EmailChange.objects.values().get())


# --- What comes of it


def test_who_logs_in_by_the_address_logs_in_by_the_new_one_alone() -> None:
    user = MembershipFactory(user__username="Joe@old.example", user__email="joe@old.example").user
    client_of(user).post(link_of(EmailChangeFactory(user=user, email="joe@new.example")))
    user.refresh_from_db()
    assert user.username == "joe@new.example"
    assert log_in("joe@new.example")
    assert not log_in("joe@old.example")


def test_another_user_name_stays_as_it_is(alice: Tenant) -> None:
    alice.client.post(link_to(alice))
    alice.user.refresh_from_db()
    assert alice.user.username == "alice"
    assert log_in("alice")


def test_an_address_longer_than_a_user_name_can_be() -> None:
    long = "a" * 60 + "@" + "b" * 60 + "." + "c" * 60 + ".example"
    user = UserFactory(username="joe@old.example", email="joe@old.example")
    client_of(user).post(link_of(EmailChangeFactory(user=user, email=long)))
    assert log_in(long)


def test_a_link_for_a_new_password_that_went_to_the_old_address_is_void(alice: Tenant) -> None:
    Client().post("/password-reset", {"email": "alice@example.com"})
    tasks.mail()
    reset = re.findall(r"(/password-reset/\S+)$", mail.outbox[0].body, re.MULTILINE)[0]
    assert Client().get(reset).status_code == 302
    alice.client.post(link_to(alice))
    assert "This link does not work" in text(Client().get(reset))


def test_other_sessions_go_on(alice: Tenant) -> None:
    elsewhere = client_of(alice.user)
    alice.client.post(link_to(alice))
    assert elsewhere.get("/profile").status_code == 200


def test_invitations_of_the_old_address_stay_as_they_are(alice: Tenant, bob: Tenant) -> None:
    InvitationFactory(workspace=bob.workspace, email="alice@example.com")
    before = Invitation.objects.values().get()
    alice.client.post(link_to(alice))
    assert Invitation.objects.values().get() == before


def test_it_is_on_record_for_the_support_desk_and_the_owners(alice: Tenant, bob: Tenant) -> None:
    MembershipFactory(workspace=bob.workspace, user=alice.user)
    alice.client.post(link_to(alice))
    sentence = "Changed their address from alice@example.com to alice@new.example."
    entries = LogEntry.objects.values_list("content_type__model", "object_id", "user", "change_message")
    assert set(entries) == {
        (kind, id, alice.user.pk, sentence)
        for kind, id in [
            ("user", str(alice.user.pk)),
            ("workspace", alice.workspace.pk),
            ("workspace", bob.workspace.pk),
        ]
    }
    desk = client_of(UserFactory(is_staff=True, is_superuser=True))
    assert sentence in text(desk.get(f"/admin/auth/user/{alice.user.pk}/history/"))
    assert sentence in text(bob.client.get("/members"))


def test_who_had_no_address_gets_one_and_no_notice_is_sent(charlie: User) -> None:
    User.objects.filter(pk=charlie.pk).update(email="")
    client = client_of(charlie)
    client.post("/profile/email", {"email": NEW, "password": PASSWORD})
    client.post(link_of(EmailChange.objects.get()))
    assert email_of(charlie) == NEW
    tasks.mail()
    assert mail.outbox == []
    assert not EmailChange.objects.exists()
    assert LogEntry.objects.get().change_message == f"Changed their address to {NEW}."


# --- The e-mails


@pytest.mark.parametrize("confirmed_at", [None, timezone.now()], ids=["link", "notice"])
def test_a_mail_server_that_is_down_is_tried_again_and_given_up(settings: Any, confirmed_at: Any) -> None:
    for name, value in {**NOBODY_LISTENS, "EMAIL_HOST": "127.0.0.1"}.items():
        setattr(settings, name, value)
    change = EmailChangeFactory(confirmed_at=confirmed_at, due_at=timezone.now())
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for delay in mailing.RETRY_DELAYS:
            mailing.mail_batch()
            change.refresh_from_db()
            assert change.due_at == timezone.now() + delay == mailing.next_due_at()
            clock.shift(delay)
        mailing.mail_batch()
    assert not EmailChange.objects.exists()
    assert mailing.next_due_at() is None


def test_an_e_mail_that_another_worker_sends_is_not_sent_twice() -> None:
    EmailChangeFactory(due_at=timezone.now() + mailing.LEASE)
    assert mailing.mail_batch() == 0


class ConfirmedAtOnce(BaseEmailBackend):
    """Delivers the link, which is confirmed at once, and then does not answer."""

    def send_messages(self, messages: Any) -> int:
        change = EmailChange.objects.get()
        changing_email.confirm(changing_email.token_of(change), change.user)
        raise TimeoutError


def test_the_old_address_is_told_although_the_link_was_confirmed_while_it_was_being_sent(
    settings: Any,
) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.ConfirmedAtOnce"
    change = EmailChangeFactory(due_at=timezone.now(), tries=len(mailing.RETRY_DELAYS))
    mailing.mail_batch()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    mailing.mail_batch()
    assert [message.to for message in mail.outbox] == [[change.old_email]]
