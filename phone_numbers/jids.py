"""WhatsApp's addresses (jids) as the gateways write them: of a person, a group, a channel or a broadcast.

`447700900123:31@s.whatsapp.net` is the device 31 of a phone; `12025550143.0:52@c.us` and `447700900123_1@c.us`
carry an agent as well; `38200000000187@lid` hides the phone behind an id that must never be taken for one.
Source: WABinary/jid-utils of Baileys and types/jid.go of whatsmeow, on which the gateways stand.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from phone_numbers.payloads import text
from phone_numbers.phones import match_form, to_e164
from phone_numbers.reports import Contact, IdentityReport

MAX_LENGTH = 180
_ADDRESS_KEYS = ("id", "jid", "remoteJid", "phoneNumber", "pn", "lid")


class JidKind(StrEnum):
    PHONE = "s.whatsapp.net"
    LID = "lid"
    GROUP = "g.us"
    NEWSLETTER = "newsletter"
    BROADCAST = "broadcast"
    OTHER = ""


SERVERS = {
    "s.whatsapp.net": JidKind.PHONE,
    "c.us": JidKind.PHONE,
    "hosted": JidKind.PHONE,
    "lid": JidKind.LID,
    "hosted.lid": JidKind.LID,
    "g.us": JidKind.GROUP,
    "newsletter": JidKind.NEWSLETTER,
    "broadcast": JidKind.BROADCAST,
}


@dataclass(frozen=True, slots=True)
class Jid:
    """An address without device and agent; `user` is what stands before the @."""

    kind: JidKind
    user: str

    def __str__(self) -> str:
        return f"{self.user}@{self.kind}"

    @property
    def phone(self) -> str:
        """E.164, or "" for everything that is not a person's phone."""
        if self.kind is not JidKind.PHONE or not self.user.isdigit() or self.user.startswith("0"):
            return ""
        return to_e164(self.user)

    @property
    def lid(self) -> str:
        return str(self) if self.kind is JidKind.LID and self.user.isdigit() else ""

    @property
    def is_person(self) -> bool:
        return self.kind in (JidKind.PHONE, JidKind.LID)

    @property
    def is_whatsapp(self) -> bool:
        """Whether WhatsApp itself writes from here: its notices, and nobody's messages."""
        return self.kind is JidKind.PHONE and self.user == "0"

    @property
    def is_status(self) -> bool:
        """Whether this is the place where contacts post their stories."""
        return self.kind is JidKind.BROADCAST and self.user == "status"


def parse_jid(value: Any) -> Jid | None:
    """Reads a jid, or the object that WhatsApp Web's own code makes of one; None where there is none."""
    if isinstance(value, dict):
        value = value.get("_serialized")
    user, at, server = text(value).strip().rpartition("@")
    if not at or not user or len(user) > MAX_LENGTH:
        return None
    kind = SERVERS.get(server.lower(), JidKind.OTHER)
    if kind in (JidKind.PHONE, JidKind.LID):
        user = re.split(r"[:._]", user, maxsplit=1)[0]
    return Jid(kind, user) if user else None


@dataclass(frozen=True, slots=True)
class Party:
    """One person under every address that a payload gives for them."""

    phones: frozenset[str] = frozenset()
    lids: frozenset[str] = frozenset()

    @classmethod
    def of(cls, jids: Iterable[Jid | None], phone: str = "") -> "Party":
        known = [jid for jid in jids if jid is not None]
        phones = [phone, *(jid.phone for jid in known)]
        return cls(
            frozenset(match_form(one) for one in phones if one),
            frozenset(jid.lid for jid in known if jid.lid),
        )

    def is_at(self, jid: Jid) -> bool:
        return match_form(jid.phone) in self.phones if jid.phone else jid.lid in self.lids

    def is_among(self, jids: Iterable[Jid | None]) -> bool:
        return any(jid is not None and self.is_at(jid) for jid in jids)

    def is_known_like(self, jid: Jid) -> bool:
        """Whether an address of the same kind is known, so that another one is somebody else's."""
        return bool(self.phones if jid.phone else self.lids if jid.lid else ())


def contact(jids: Iterable[Jid | None], name: str | None = None) -> Contact:
    """Makes one contact of the addresses of one person; the first of each kind counts."""
    known = [jid for jid in jids if jid is not None]
    return Contact(
        phone=next((jid.phone for jid in known if jid.phone), ""),
        opaque_id=next((jid.lid for jid in known if jid.lid), ""),
        name=name,
    )


def identities(pairs: Iterable[tuple[Any, Any]]) -> list[IdentityReport]:
    """Returns one report per pair of raw addresses of which one is a LID and the other a phone."""
    found = {}
    for one, other in pairs:
        person = contact([parse_jid(one), parse_jid(other)])
        if person.phone and person.opaque_id:
            found[person.opaque_id] = IdentityReport(opaque_id=person.opaque_id, phone=person.phone)
    return list(found.values())


def listed_identities(entries: Iterable[dict[str, Any]]) -> list[IdentityReport]:
    """Returns what entries of a contact or participant list teach: each is one person with several addresses.

    A `phoneNumber` without an @ teaches nothing: Evolution puts the digits of the LID there when it knows no phone.
    """
    people = [contact(parse_jid(entry.get(key)) for key in _ADDRESS_KEYS) for entry in entries]
    return [
        IdentityReport(opaque_id=person.opaque_id, phone=person.phone)
        for person in people
        if person.opaque_id and person.phone
    ]


def display_name(value: Any, jids: Iterable[Jid | None]) -> str | None:
    """Returns the name a contact goes by; None where the gateway filled in an address for want of one."""
    name = text(value).strip()
    if not name or name.rpartition("@")[2] in SERVERS:
        return None
    return None if name in {jid.user for jid in jids if jid is not None} else name
