from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from accounts.models import ApiKey
from phone_numbers.models import Number
from tests.conftest import Tenant
from tests.factories import ApiKeyFactory, NumberFactory

NEW = {"name": "Shop", "number": "+44 7700 900199"}


def post(client: Client, path: str, body: Any) -> Any:
    return client.post(path, body, content_type="application/json")


def patch(client: Client, number: Number, body: Any) -> Any:
    return client.patch(f"/v1/numbers/{number.pk}", body, content_type="application/json")


def limited_client(number: Number) -> Client:
    key = ApiKeyFactory(workspace=number.workspace, number_id=number.pk).text
    return Client(headers={"x-api-key": key}, raise_request_exception=False)


def code(response: Any, status: int) -> str:
    assert response.status_code == status, response.content
    body = response.json()
    assert set(body) == {"error", "code", "details"}
    assert body["error"]
    return str(body["code"])


ONE_NUMBER = [
    ("get", ""),
    ("patch", ""),
    ("delete", ""),
    ("post", "/restore"),
    ("delete", "/purge"),
    ("get", "/status"),
]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/v1/numbers"),
        ("post", "/v1/numbers"),
        ("get", "/v1/api-keys"),
        ("post", "/v1/api-keys"),
        *((method, f"/v1/numbers/num_1{path}") for method, path in ONE_NUMBER),
    ],
)
def test_every_call_needs_a_key(client: Client, db: None, method: str, path: str) -> None:
    assert code(getattr(client, method)(path), 401) == "UNAUTHORIZED"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("delete", "/v1/numbers"),
        ("post", "/v1/numbers/num_1"),
        ("get", "/v1/numbers/num_1/restore"),
        ("post", "/v1/numbers/num_1/purge"),
        ("post", "/v1/numbers/num_1/status"),
        ("delete", "/v1/api-keys"),
    ],
)
def test_a_wrong_method_is_said_to_be_one(alice: Tenant, method: str, path: str) -> None:
    assert code(getattr(alice.api, method)(path), 405) == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize(("method", "path"), ONE_NUMBER)
def test_a_strangers_number_is_not_found(alice: Tenant, bob: Tenant, method: str, path: str) -> None:
    call = getattr(alice.api, method)
    address = f"/v1/numbers/{bob.number.pk}{path}"
    assert code(call(address, {}, content_type="application/json"), 404) == "NUMBER_NOT_FOUND"
    assert code(getattr(alice.api, method)(f"/v1/numbers/a%00b{path}"), 404) == "NUMBER_NOT_FOUND"
    bob.number.refresh_from_db()
    assert bob.number.is_connected


@pytest.mark.parametrize(("method", "path"), [("get", ""), ("patch", ""), ("delete", ""), ("get", "/status")])
def test_a_limited_key_sees_its_own_number_alone(alice: Tenant, method: str, path: str) -> None:
    other = NumberFactory(workspace=alice.workspace)
    call = getattr(limited_client(other), method)
    assert code(call(f"/v1/numbers/{alice.number.pk}{path}"), 404) == "NUMBER_NOT_FOUND"


def test_a_limited_key_neither_creates_nor_purges(alice: Tenant) -> None:
    client = limited_client(alice.number)
    assert code(post(client, "/v1/numbers", NEW), 403) == "NUMBER_SCOPE_NOT_ALLOWED"
    assert code(client.delete(f"/v1/numbers/{alice.number.pk}/purge"), 403) == "NUMBER_SCOPE_NOT_ALLOWED"
    assert (
        code(post(client, "/v1/api-keys", {"whatsappNumberId": alice.number.pk}), 403)
        == "NUMBER_SCOPE_NOT_ALLOWED"
    )


# --- List


def test_the_list_is_an_array_of_what_is_in_service(alice: Tenant, bob: Tenant) -> None:
    removed = NumberFactory(workspace=alice.workspace)
    alice.api.delete(f"/v1/numbers/{removed.pk}")
    key = ApiKeyFactory(workspace=alice.workspace, number_id=alice.number.pk, name="Till")
    [listed] = alice.api.get("/v1/numbers").json()
    assert listed["id"] == alice.number.pk
    assert listed["number"] == alice.number.phone
    assert listed["apiKeys"] == [
        {"name": "Till", "keyPrefix": f"wak_{key.prefix}", "keyLast4": key.last_four}
    ]
    assert listed["primaryLink"]["state"] == "OPEN"
    assert listed["isFullyConnected"] is True


def test_a_limited_key_lists_its_own_number(alice: Tenant) -> None:
    NumberFactory(workspace=alice.workspace)
    assert [listed["id"] for listed in limited_client(alice.number).get("/v1/numbers").json()] == [
        alice.number.pk
    ]


@pytest.mark.parametrize("path", ["/v1/numbers", "/v1/api-keys"])
def test_a_list_costs_the_same_queries_at_any_length(alice: Tenant, path: str) -> None:
    alice.api.get(path)
    with CaptureQueriesContext(connection) as before:
        alice.api.get(path)
    for _ in range(5):
        number = NumberFactory(workspace=alice.workspace)
        ApiKeyFactory(workspace=alice.workspace, number_id=number.pk)
    with CaptureQueriesContext(connection) as after:
        assert alice.api.get(path).status_code == 200
    assert len(after) == len(before)


# --- Create


def test_a_number_is_created(alice: Tenant) -> None:
    response = post(
        alice.api, "/v1/numbers", NEW | {"settings": {"ignoreGroups": True}, "linkToApiKey": True}
    )
    number = Number.objects.get(phone="+447700900199")
    assert response.status_code == 201
    answer = response.json()
    instance = answer.pop("instance")
    assert (instance["id"], instance["number"], instance["name"]) == (number.pk, "+447700900199", "Shop")
    assert (instance["state"], instance["provider"], instance["ingestUrl"]) == ("OPEN", "simulator", None)
    assert instance["settings"]["ignoreGroups"] is True
    assert answer == {
        "qrcodeBase64": None,
        "pairingCode": None,
        "linkedApiKeyId": None,
        "primaryLink": {"qrcodeBase64": None, "pairingCode": None},
        "secondaryLink": None,
    }


WAHA = {"baseUrl": "https://waha.example", "session": "till", "apiKey": "very secret"}


def test_a_number_of_meta_says_where_meta_is_to_post(alice: Tenant, settings: Settings) -> None:
    body = NEW | {
        "provider": "meta",
        "providerConfig": {"phoneNumberId": "106540352242922", "accessToken": "secret"},
    }
    response = post(alice.api, "/v1/numbers", body)
    instance = response.json()["instance"]
    assert (instance["provider"], instance["instanceName"]) == ("meta", "106540352242922")
    assert instance["meta"] == {"phoneNumberId": "106540352242922", "wabaId": None}
    assert instance["ingestUrl"] == f"{settings.PUBLIC_URL}/ingest/meta"
    assert '"secret"' not in response.content.decode()


def test_a_number_at_a_gateway_has_an_address_of_its_own(alice: Tenant, settings: Settings) -> None:
    response = post(alice.api, "/v1/numbers", NEW | {"provider": "waha", "providerConfig": WAHA})
    instance, number = response.json()["instance"], Number.objects.get(provider="waha")
    assert (instance["provider"], instance["state"], instance["instanceName"]) == (
        "waha",
        "CONNECTING",
        "till",
    )
    assert instance["ingestUrl"] == f"{settings.PUBLIC_URL}/ingest/waha/{number.ingest_token}"
    assert "very secret" not in response.content.decode()


def test_a_phone_is_active_once(alice: Tenant, bob: Tenant) -> None:
    assert (
        code(post(alice.api, "/v1/numbers", NEW | {"number": bob.number.phone}), 409)
        == "NUMBER_ALREADY_ACTIVE"
    )


def test_a_deleted_number_says_how_to_get_it_back(alice: Tenant) -> None:
    alice.api.delete(f"/v1/numbers/{alice.number.pk}")
    response = post(alice.api, "/v1/numbers", NEW | {"number": alice.number.phone})
    assert code(response, 409) == "NUMBER_SOFT_DELETED"
    assert response.json()["details"] == {"numberId": alice.number.pk}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, "INVALID_REQUEST"),
        ({"name": "Shop"}, "INVALID_REQUEST"),
        (NEW | {"name": " "}, "INVALID_REQUEST"),
        (NEW | {"name": "x" * 201}, "INVALID_REQUEST"),
        (NEW | {"number": 447700900199}, "INVALID_REQUEST"),
        (NEW | {"providerConfig": "none"}, "INVALID_REQUEST"),
        (NEW | {"settings": {"ignoreGroup": True}}, "INVALID_REQUEST"),
        (NEW | {"settings": {"ignoreGroups": "yes"}}, "INVALID_REQUEST"),
        (NEW | {"number": "me"}, "INVALID_NUMBER"),
        (NEW | {"provider": "pigeon"}, "UNKNOWN_PROVIDER"),
        (NEW | {"provider": "meta"}, "INVALID_PROVIDER_CONFIG"),
        (NEW | {"provider": "simulator", "providerConfig": {"session": "shop"}}, "INVALID_PROVIDER_CONFIG"),
    ],
)
def test_a_malformed_number_is_refused(alice: Tenant, body: Any, expected: str) -> None:
    assert code(post(alice.api, "/v1/numbers", body), 400) == expected
    assert Number.objects.count() == 1


# --- Get, update


def test_the_details_of_a_number(alice: Tenant) -> None:
    answer = alice.api.get(f"/v1/numbers/{alice.number.pk}").json()
    assert answer["piiMode"] == "STORE_INDEFINITE"
    assert answer["piiRetentionDays"] is None
    assert answer["settings"] == {
        "historyImportEnabled": True,
        "webhookHistoricalMessages": False,
        "ignoreNewsletters": False,
        "markReadOnSend": True,
        "alwaysOnline": None,
        "rejectCall": None,
        "msgRejectCall": None,
        "readMessages": None,
        "ignoreGroups": None,
        "ignoreStatus": None,
        "appliesTo": {"history": "all", "advanced": "none", "sending": "none"},
    }
    assert answer["health"] == {"sendable": True, "reason": None}
    assert answer["meta"] is answer["coexistence"] is answer["deletedAt"] is answer["restorableUntil"] is None
    assert answer["extraChargeUnpaidSince"] is answer["extraChargeDisconnectAt"] is None


def test_only_what_is_sent_changes(alice: Tenant) -> None:
    patch(alice.api, alice.number, {"settings": {"rejectCall": True, "msgRejectCall": "Please write."}})
    answer = patch(
        alice.api, alice.number, {"settings": {"msgRejectCall": None, "markReadOnSend": False}}
    ).json()
    assert answer["settings"]["rejectCall"] is True
    assert answer["settings"]["msgRejectCall"] is None
    assert answer["settings"]["markReadOnSend"] is False
    assert answer["name"] == alice.number.name


def test_a_number_can_be_renamed(alice: Tenant) -> None:
    assert patch(alice.api, alice.number, {"name": "Till"}).json()["name"] == "Till"


def test_days_belong_to_the_mode_that_has_them(alice: Tenant) -> None:
    answer = patch(alice.api, alice.number, {"piiMode": "STORE_X_DAYS", "piiRetentionDays": 30}).json()
    assert (answer["piiMode"], answer["piiRetentionDays"]) == ("STORE_X_DAYS", 30)
    assert patch(alice.api, alice.number, {"piiRetentionDays": 7}).json()["piiRetentionDays"] == 7
    answer = patch(alice.api, alice.number, {"piiMode": "RELAY_ONLY", "piiRetentionDays": 7}).json()
    assert (answer["piiMode"], answer["piiRetentionDays"]) == ("RELAY_ONLY", None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, "EMPTY_PATCH"),
        ({"settings": {}}, "EMPTY_PATCH"),
        ([], "INVALID_REQUEST"),
        ({"piiMode": "STORE_X_DAYS"}, "RETENTION_DAYS_REQUIRED"),
        ({"piiMode": "FORGET"}, "INVALID_REQUEST"),
        ({"piiMode": "STORE_X_DAYS", "piiRetentionDays": 0}, "INVALID_REQUEST"),
        ({"piiMode": "STORE_X_DAYS", "piiRetentionDays": 3651}, "INVALID_REQUEST"),
        ({"piiMode": "STORE_X_DAYS", "piiRetentionDays": "30"}, "INVALID_REQUEST"),
        ({"piiMode": "STORE_X_DAYS", "piiRetentionDays": True}, "INVALID_REQUEST"),
        ({"phone": "+447700900199"}, "INVALID_REQUEST"),
        ({"settings": {"syncFullHistory": True}}, "INVALID_REQUEST"),
        ({"settings": {"ignoreNewsletters": None}}, "INVALID_REQUEST"),
        ({"settings": {"msgRejectCall": "x" * 1001}}, "INVALID_REQUEST"),
        ({"settings": [True]}, "INVALID_REQUEST"),
    ],
)
def test_a_malformed_change_is_refused(alice: Tenant, body: Any, expected: str) -> None:
    assert code(patch(alice.api, alice.number, body), 400) == expected
    assert Number.objects.get().settings == {}


# --- Delete, restore, purge


def test_a_number_is_deleted_restored_and_purged(alice: Tenant) -> None:
    path = f"/v1/numbers/{alice.number.pk}"
    deleted = alice.api.delete(path)
    assert deleted.status_code == 200
    assert set(deleted.json()) == {"ok", "restorableUntil"}
    details = alice.api.get(path).json()
    assert details["restorableUntil"] == deleted.json()["restorableUntil"]
    assert details["state"] == "CLOSE"
    assert alice.api.post(f"{path}/restore").json() == {"ok": True, "requiresReconnect": True}
    assert alice.api.get(path).json()["deletedAt"] is None
    assert alice.api.delete(f"{path}/purge").json() == {"ok": True}
    assert code(alice.api.get(path), 404) == "NUMBER_NOT_FOUND"


def test_a_deleted_number_is_out_of_reach(alice: Tenant) -> None:
    client = limited_client(alice.number)
    path = f"/v1/numbers/{alice.number.pk}"
    alice.api.delete(path)
    assert code(alice.api.delete(path), 404) == "NUMBER_NOT_FOUND"
    assert code(patch(alice.api, alice.number, {"name": "Till"}), 404) == "NUMBER_NOT_FOUND"
    assert code(alice.api.get(f"{path}/status"), 404) == "NUMBER_NOT_FOUND"
    assert code(client.get(path), 401) == "API_KEY_INVALID"


def test_an_active_number_is_not_restored(alice: Tenant) -> None:
    assert code(alice.api.post(f"/v1/numbers/{alice.number.pk}/restore"), 409) == "NUMBER_ALREADY_ACTIVE"


# --- Status


def status(tenant: Tenant) -> dict[str, Any]:
    answer: dict[str, Any] = tenant.api.get(f"/v1/numbers/{tenant.number.pk}/status").json()
    return answer


def test_the_status_is_read_at_the_provider(alice: Tenant) -> None:
    answer = status(alice)
    assert answer.pop("checkedAt").endswith("Z")
    assert answer == {"id": alice.number.pk, "state": "OPEN", "stale": False}


def test_a_provider_that_does_not_answer_leaves_what_was_known(alice: Tenant) -> None:
    Number.objects.update(settings={"simulated": "unknown"})
    answer = status(alice)
    assert answer.pop("lastKnownAt").endswith("Z")
    assert answer == {"id": alice.number.pk, "state": "OPEN", "stale": True}


def test_a_connection_that_is_found_is_taken_note_of(alice: Tenant) -> None:
    Number.objects.update(state="CONNECTING")
    assert status(alice)["state"] == "OPEN"
    assert Number.objects.get().is_connected


def test_a_lost_connection_makes_the_number_suspect_and_no_more(alice: Tenant) -> None:
    Number.objects.update(settings={"simulated": "disconnected"})
    assert status(alice)["state"] == "CLOSE"
    number = Number.objects.get()
    assert number.is_suspect
    assert number.is_connected


# --- API keys


def test_a_workspace_key_lists_every_key_and_reveals_none(alice: Tenant, bob: Tenant) -> None:
    limited = ApiKeyFactory(workspace=alice.workspace, number_id=alice.number.pk)
    ApiKeyFactory(workspace=alice.workspace).revoke()
    own, listed = alice.api.get("/v1/api-keys").json()
    assert own["numberId"] is own["number"] is None
    assert listed == {
        "numberId": alice.number.pk,
        "number": alice.number.phone,
        "displayName": alice.number.name,
        "keyId": limited.pk,
        "keyLast4": limited.last_four,
        "key": None,
        "revealable": False,
    }


def test_a_limited_key_lists_the_keys_of_its_number(alice: Tenant) -> None:
    ApiKeyFactory(workspace=alice.workspace, number_id=NumberFactory(workspace=alice.workspace).pk)
    client = limited_client(alice.number)
    key = ApiKey.objects.get(number_id=alice.number.pk)
    [listed] = client.get("/v1/api-keys").json()
    assert (listed["id"], listed["keyPrefix"]) == (key.pk, f"wak_{key.prefix}")
    assert listed["whatsappInstance"] == {
        "id": alice.number.pk,
        "instanceName": alice.number.provider_ref,
        "displayName": alice.number.name,
        "number": alice.number.phone,
        "state": "OPEN",
    }


def test_a_regenerated_key_replaces_the_one_before(alice: Tenant) -> None:
    body = {"whatsappNumberId": alice.number.pk}
    first, second = (post(alice.api, "/v1/api-keys", body) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    answer = second.json()
    key = ApiKey.objects.get(number_id=alice.number.pk)
    assert ApiKey.find(first.json()["key"]) is None
    assert ApiKey.find(answer["key"]) == key
    assert (answer["numberId"], answer["keyId"]) == (alice.number.pk, key.pk)
    assert (answer["keyPrefix"], answer["keyLast4"]) == (f"wak_{key.prefix}", answer["key"][-4:])


def test_a_key_for_no_number_of_ones_own_is_not_made(alice: Tenant, bob: Tenant) -> None:
    strangers = post(alice.api, "/v1/api-keys", {"whatsappNumberId": bob.number.pk})
    assert code(strangers, 404) == "NUMBER_NOT_FOUND"
    assert code(post(alice.api, "/v1/api-keys", {}), 400) == "INVALID_REQUEST"
    assert code(post(alice.api, "/v1/api-keys", {"whatsappNumberId": None}), 400) == "INVALID_REQUEST"


@pytest.mark.parametrize("path", ["", "/{id}", "/{id}/status"])
def test_a_number_whose_credentials_no_key_reads_is_answered_all_the_same(
    path: str, alice: Tenant, settings: Settings
) -> None:
    settings.HASH_KEY, keys = "kept", settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = ["lost"]
    number = NumberFactory(
        workspace=alice.workspace, provider="evolution", provider_ref="shop", credentials={"instance": "shop"}
    )
    settings.ENCRYPTION_KEYS = keys
    response = alice.api.get(f"/v1/numbers{path.format(id=number.pk)}")
    assert response.status_code == 200
    assert number.pk in response.content.decode()
