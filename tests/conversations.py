"""The same conversation with every provider: what a shop and Ada say to each other, through the real doors.

Each is played against the provider's local server: the number, the webhook and the sends come in over the API, the
provider's payloads through its door with a valid proof, and the three drains carry them to a real receiver. The clock
stands still but for a second per step, so that the bodies are the same in every run.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any

import time_machine
from django.conf import settings
from django.test import Client

from accounts.models import Workspace
from events.models import Event, RawPayload
from events.tasks import normalize
from messaging.models import Message
from messaging.tasks import send_due
from phone_numbers.models import Number
from phone_numbers.providers.simulator.engine import Played, inbound, play
from tests.evolution_server import EvolutionServer
from tests.factories import ApiKeyFactory, WorkspaceFactory
from tests.gateway_server import GatewayServer
from tests.graph_server import GraphServer
from tests.phone_numbers.providers.evolution import payloads as evolution
from tests.phone_numbers.providers.meta import payloads as meta
from tests.phone_numbers.providers.waha import payloads as waha
from tests.receivers import Receiver
from tests.waha_server import WahaServer
from webhooks.tasks import deliver

AT = datetime(2026, 2, 24, 10, 30, tzinfo=UTC)
# The moments in the providers' sample payloads, as seconds and milliseconds; in a conversation they are now.
SAMPLE_SECONDS = re.compile(r"\b(1771929000|1767236400|1767229200)\b")
SAMPLE_MILLISECONDS = re.compile(r"\b(1767231232077|1767232195000|1767232200000)\b")
US, ADA = "+12025550143", "+447700900123"
PICTURE = "https://files.example.com/offer.jpg"
Body = dict[str, Any]


class Conversation:
    """One provider's side. `heard` lists the bodies that arrived, with stable ids; `steps` the same by step."""

    provider: str
    own_group = "120363404880000143@g.us"

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.heard: list[Body] = []
        self.steps: dict[str, list[Body]] = {}
        self._names: dict[str, str] = {}
        self._orders = count(1042)
        self._client = Client(raise_request_exception=True)

    def play(self) -> None:
        with time_machine.travel(AT, tick=False) as clock, self.server() as server:
            self.clock = clock
            workspace = WorkspaceFactory()
            self._start(workspace, server)
            self._talk()

    @contextmanager
    def server(self) -> Iterator[GatewayServer | None]:
        """The provider's local server, while the conversation lasts."""
        yield None

    def config(self, server: Any) -> Body:
        return {}

    # --- What the shop does -------------------------------------------------------------------------------------

    def _start(self, workspace: Workspace, server: Any) -> None:
        self._api = Client(headers={"x-api-key": ApiKeyFactory(workspace=workspace).text})
        self._ask(
            "/v1/webhooks",
            {"name": "Shop", "url": self.receiver.url, "events": ["*"], "whatsappNumberId": None},
        )
        made = self._ask(
            "/v1/numbers",
            {"name": "Shop", "number": US, "provider": self.provider, "providerConfig": self.config(server)},
        )
        self.number = Number.objects.get(pk=made["instance"]["id"])
        self._step("The number is registered")
        self.connect()
        self._step("It is connected")

    def _talk(self) -> None:
        text = self._send("A text is sent", destinationNumber=ADA, text="Shall we deliver today?")
        for word in ("read", "sent", "delivered", "read"):
            self.status(text, word)
        self._step("The provider posts its statuses in a shuffled order, one of them twice; what arrives")
        self.reply("Yes please", text)
        self._step("Ada quotes it")
        self.react("👍", text)
        self._step("Ada reacts to it")
        self.picture("This one")
        self._step("Ada sends a picture")
        self.group("Has anybody seen my cat?")
        self._step("Grace writes in a group")
        picture = self._send(
            "A picture is sent", destinationNumber=ADA, media=PICTURE, mediaType="image", text="Our offer"
        )
        self.status(picture, "sent")
        self.fail(picture)
        self._step("WhatsApp cannot deliver it")
        self.more()
        response = self._api.delete(f"/v1/numbers/{self.number.pk}")
        assert response.status_code == 200, response.content
        self._step("The number is removed")

    def _send(self, step: str, **content: Any) -> Message:
        order = f"order-{next(self._orders)}"
        accepted = self._ask(
            "/v1/messages/send", content | {"correlationId": order, "whatsappNumberId": self.number.pk}
        )
        assert (accepted["status"], accepted["correlationId"]) == ("QUEUED", order)
        self._step(step)
        return Message.objects.get(pk=accepted["id"])

    def _ask(self, path: str, body: Body) -> Body:
        response = self._api.post(path, body, content_type="application/json")
        assert response.status_code in (201, 202), response.content
        answer: Body = response.json()
        return answer

    # --- What the provider posts, in its own words ----------------------------------------------------------------

    def connect(self) -> None: ...

    def status(self, message: Message, word: str) -> None:
        raise NotImplementedError

    def fail(self, message: Message) -> None:
        raise NotImplementedError

    def reply(self, text: str, quoted: Message) -> None:
        raise NotImplementedError

    def react(self, emoji: str, target: Message) -> None:
        raise NotImplementedError

    def picture(self, caption: str) -> None:
        raise NotImplementedError

    def group(self, text: str) -> None:
        raise NotImplementedError

    def more(self) -> None:
        """What only this provider has."""

    # --- Machinery ------------------------------------------------------------------------------------------------

    def post(self, payload: Body) -> None:
        now = int(datetime.now(UTC).timestamp())
        text = SAMPLE_SECONDS.sub(str(now), json.dumps(payload))
        body = SAMPLE_MILLISECONDS.sub(str(now * 1000), text).encode()
        address, headers = self.door(body)
        response = self._client.post(address, data=body, content_type="application/json", headers=headers)
        assert response.status_code == 200, response.content

    def door(self, body: bytes) -> tuple[str, dict[str, str]]:
        return f"/ingest/{self.provider}/{self.number.ingest_token}", {}

    def _step(self, title: str) -> None:
        """Lets the drains run; what arrived meanwhile belongs to this step."""
        before = len(self.receiver.requests)
        self.wait()
        send_due()
        normalize()
        deliver()
        assert not RawPayload.objects.filter(status=RawPayload.Status.FAILED).exists()
        arrived = {request.headers["webhook-id"]: request.json for request in self.receiver.requests[before:]}
        # The receiver hears events of one moment in any order; the log has them in theirs.
        events = Event.objects.filter(pk__in=arrived).order_by("pk").values_list("pk", flat=True)
        bodies = [self._stable(arrived[pk]) for pk in events]
        if bodies:
            self.steps[title] = bodies
        self.heard += bodies

    def wait(self) -> None:
        self.clock.shift(1)

    def _stable(self, body: Body) -> Body:
        def name(found: re.Match[str]) -> str:
            prefix = found[1]
            return self._names.setdefault(
                found[0], f"{prefix}{1 + sum(one.startswith(prefix) for one in self._names):026d}"
            )

        stable: Body = json.loads(
            re.sub(r"\b((?:msg|num|call)_|sim\.)[0-9A-Za-z]{26}", name, json.dumps(body))
        )
        return stable


class MetaConversation(Conversation):
    provider = "meta"
    own_group = "Y2FwaV9ncm91cDoxNzA1NTU1MDEzOToxMjAzNjM0MDQ2OTQyMzM4MjAZD"

    @contextmanager
    def server(self) -> Iterator[GraphServer]:
        with GraphServer(meta.PHONE_NUMBER_ID) as server:
            settings.META_GRAPH_URL = server.graph_url
            yield server

    def config(self, server: GraphServer) -> Body:
        return {**server.credentials, "wabaId": meta.WABA}

    def door(self, body: bytes) -> tuple[str, dict[str, str]]:
        digest = hmac.new(settings.META_APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
        return "/ingest/meta", {"x-hub-signature-256": f"sha256={digest}"}

    def status(self, message: Message, word: str) -> None:
        self.post(meta.status(word, id=message.external_id, biz_opaque_callback_data=message.pk))

    def fail(self, message: Message) -> None:
        error = {
            "code": 131053,
            "title": "Media upload error",
            "error_data": {"details": "The file is too large."},
        }
        self.post(meta.status("failed", id=message.external_id, errors=[error]))

    def reply(self, text: str, quoted: Message) -> None:
        context = {"from": US.removeprefix("+"), "id": quoted.external_id}
        self.post(meta.message(id="wamid.REPLY", text={"body": text}, context=context))

    def react(self, emoji: str, target: Message) -> None:
        reaction = {"message_id": target.external_id, "emoji": emoji}
        self.post(meta.message("reaction", id="wamid.REACTION", reaction=reaction))

    def picture(self, caption: str) -> None:
        image = {"id": "1003383421387256", "mime_type": "image/jpeg", "caption": caption}
        self.post(meta.message("image", id="wamid.PICTURE", image=image))

    def group(self, text: str) -> None:
        grace = meta.contact(wa_id="447700900456", profile={"name": "Grace"})
        self.post(
            meta.message(id="wamid.GROUP", contacts=[grace], text={"body": text}, group_id=self.own_group,
                         **{"from": "447700900456"})
        )  # fmt: skip

    def more(self) -> None:
        self.post(meta.permission(expiration_timestamp="1772533800"))
        self._step("Ada allows calls for a week")
        self.post(meta.call("connect"))
        self._step("Ada calls")
        self.post(meta.call("terminate", status="COMPLETED", start_time="1771929000", duration=110))
        self.post(meta.call("terminate", status="COMPLETED", start_time="1771929000", duration=110))
        self._step("The call is over, which Meta says twice")
        self.post(meta.call("terminate", id="wacid.MISSED", status="FAILED"))
        self._step("Ada calls again, and nobody picks up")
        self.post(meta.call_status("RINGING"))
        self._step("A late report of the call that is over passes only as it is")


class EvolutionConversation(Conversation):
    provider = "evolution"

    @contextmanager
    def server(self) -> Iterator[EvolutionServer]:
        with EvolutionServer() as server:
            yield server

    def config(self, server: EvolutionServer) -> Body:
        return server.credentials

    def connect(self) -> None:
        self.post(evolution.connection("open", wuid="12025550143@s.whatsapp.net", profileName="Shop"))

    def status(self, message: Message, word: str) -> None:
        words = {"sent": "SERVER_ACK", "delivered": "DELIVERY_ACK", "read": "READ", "failed": "ERROR"}
        self.post(evolution.update(keyId=message.external_id, status=words[word]))

    def fail(self, message: Message) -> None:
        self.status(message, "failed")

    def reply(self, text: str, quoted: Message) -> None:
        context = {
            "stanzaId": quoted.external_id,
            "participant": "12025550143@s.whatsapp.net",
            "quotedMessage": {"conversation": quoted.content},
        }
        self.post(
            evolution.upsert(
                {"extendedTextMessage": {"text": text, "contextInfo": context}}, {"id": "3EB0REPLY"}
            )
        )

    def react(self, emoji: str, target: Message) -> None:
        reaction = {
            "key": {"remoteJid": evolution.ADA, "fromMe": True, "id": target.external_id},
            "text": emoji,
        }
        self.post(evolution.upsert({"reactionMessage": reaction}, {"id": "3EB0REACTION"}))

    def picture(self, caption: str) -> None:
        image = {"mimetype": "image/jpeg", "caption": caption}
        content = {"imageMessage": image, "mediaUrl": "https://s3.example.com/1"}
        self.post(evolution.upsert(content, {"id": "3EB0PICTURE"}, messageType="imageMessage"))

    def group(self, text: str) -> None:
        key = {"remoteJid": self.own_group, "participant": "447700900456@s.whatsapp.net", "id": "3EB0GROUP"}
        self.post(evolution.upsert({"conversation": text}, key, pushName="Grace"))

    def more(self) -> None:
        key = {"remoteJid": "120363417340000222@newsletter", "id": "3EB0NEWS"}
        self.post(evolution.upsert({"conversation": "New in the shop"}, key, pushName=None))
        self._step("A channel posts")


class WahaConversation(Conversation):
    provider = "waha"
    hmac_key = "waha-hmac-key"

    @contextmanager
    def server(self) -> Iterator[WahaServer]:
        with WahaServer() as server:
            yield server

    def config(self, server: WahaServer) -> Body:
        return {**server.credentials, "hmacKey": self.hmac_key}

    def door(self, body: bytes) -> tuple[str, dict[str, str]]:
        digest = hmac.new(self.hmac_key.encode(), body, hashlib.sha512).hexdigest()
        return super().door(body)[0], {"x-webhook-hmac": digest, "x-webhook-hmac-algorithm": "sha512"}

    def connect(self) -> None:
        self.post(waha.session("WORKING"))

    def status(self, message: Message, word: str) -> None:
        acks = {
            "sent": (1, "SERVER"),
            "delivered": (2, "DEVICE"),
            "read": (3, "READ"),
            "failed": (-1, "ERROR"),
        }
        self.post(waha.ack(*acks[word], id=f"true_{waha.ADA}_{message.external_id}"))

    def fail(self, message: Message) -> None:
        self.status(message, "failed")

    def reply(self, text: str, quoted: Message) -> None:
        context = {
            "stanzaId": quoted.external_id,
            "participant": "12025550143@s.whatsapp.net",
            "quotedMessage": {"conversation": quoted.content},
        }
        content = {"extendedTextMessage": {"text": text, "contextInfo": context}}
        payload = waha.noweb(text, content, id=f"false_{waha.ADA}_3EB0REPLY")
        self.post(payload)
        self.post(payload | {"event": "message.any"})

    def react(self, emoji: str, target: Message) -> None:
        reaction = {"text": emoji, "messageId": f"true_{waha.ADA}_{target.external_id}"}
        self.post(waha.reaction(emoji, reaction=reaction, _data={"pushName": "Ada"}))

    def picture(self, caption: str) -> None:
        media = {"url": "http://waha.example.com/api/files/1.jpg", "mimetype": "image/jpeg", "filename": None}
        content = {"imageMessage": {"mimetype": "image/jpeg", "caption": caption}}
        payload = waha.noweb(caption, content, id=f"false_{waha.ADA}_3EB0PICTURE")
        payload["payload"] |= {"hasMedia": True, "media": media}
        self.post(payload)

    def group(self, text: str) -> None:
        grace = "447700900456@c.us"
        fields = {
            "id": f"false_{self.own_group}_3EB0GROUP_{grace}",
            "from": self.own_group,
            "participant": grace,
        }
        self.post(waha.webhook("message", waha.common(text, _data={"pushName": "Grace"}, **fields)))

    def more(self) -> None:
        news = waha.common("New in the shop", id=f"false_{waha.CHANNEL}_3EB0NEWS", **{"from": waha.CHANNEL})
        self.post(waha.webhook("message", news))
        self._step("A channel posts")


class SimulatorConversation(Conversation):
    provider = "simulator"

    def play_payload(self, body: str) -> None:
        play([Played(self.number, body)])

    def status(self, message: Message, word: str, **more: Any) -> None:
        body = {"type": "status", "messageId": message.external_id, "reference": message.pk, "status": word,
                "to": ADA, "groupId": ""}  # fmt: skip
        self.play_payload(json.dumps(body | more))

    def fail(self, message: Message) -> None:
        # Before WhatsApp reports more of it by itself.
        self.status(
            message, "failed", error={"code": 131026, "message": "The recipient cannot receive this message."}
        )

    def reply(self, text: str, quoted: Message) -> None:
        self.play_payload(
            inbound(ADA, text, name="Ada", quoted=quoted.external_id or "", quoted_text=quoted.content or "")
        )

    def react(self, emoji: str, target: Message) -> None:
        self.play_payload(inbound(ADA, emoji, name="Ada", type="reaction", quoted=target.external_id or ""))

    def picture(self, caption: str) -> None:
        self.play_payload(inbound(ADA, caption, name="Ada", type="image"))

    def group(self, text: str) -> None:
        self.play_payload(inbound("+447700900456", text, name="Grace", group_id=self.own_group))


CONVERSATIONS = [MetaConversation, EvolutionConversation, WahaConversation, SimulatorConversation]
