"""Encryption at rest: Fernet (AES-128-CBC with HMAC-SHA256) under a ring of keys.

ENCRYPTION_KEYS lists passphrases or Fernet keys, newest first: the first encrypts, every one decrypts.
"""

import base64
import hashlib
import hmac
from functools import cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models
from django.db.models.expressions import Combinable
from typing_extensions import TypeVar


@cache
def _ring(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet(
        [Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())) for key in keys]
    )


def _keys() -> MultiFernet:
    return _ring(tuple(settings.ENCRYPTION_KEYS))


def encrypt(text: str) -> str:
    """Returns a token of ASCII characters that `decrypt` turns back into `text`."""
    return _keys().encrypt(text.encode("utf-8", "surrogatepass")).decode()


def decrypt(token: str) -> str:
    """Raises cryptography.fernet.InvalidToken where no key of the ring made `token`."""
    return _keys().decrypt(token).decode("utf-8", "surrogatepass")


def rotate(token: str) -> str:
    """Returns the same secret under the newest key."""
    return _keys().rotate(token).decode()


def is_newest(token: str) -> bool:
    """Whether the newest key made `token`."""
    try:
        _ring(tuple(settings.ENCRYPTION_KEYS[:1])).decrypt(token)
    except InvalidToken:
        return False
    return True


class Sealed(str):
    """Text that is encrypted wherever it is stored: personal data of a number that keeps none (RELAY_ONLY)."""


class Unreadable(Sealed):
    """In place of a text that no key of the ring can read: empty, and written back as it is stored.

    A value, because one row that cannot be read must not keep the others of its query from being read.
    """

    stored: str

    @classmethod
    def of(cls, stored: str) -> "Unreadable":
        text = cls()
        text.stored = stored
        return text


def readable(text: str) -> str:
    """Raises cryptography.fernet.InvalidToken for a text that cannot be read, where "" would mean something else."""
    if isinstance(text, Unreadable):
        raise InvalidToken
    return text


class EncryptedTextField(models.TextField[str, str]):
    """Text that only this application can read: encrypted in the database, plain in Python."""

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, Unreadable):
            return value.stored
        return encrypt(value) if value else value

    def from_db_value(self, value: str | None, expression: object, connection: object) -> str | None:
        try:
            return decrypt(value) if value else value
        except InvalidToken:
            return Unreadable.of(value or "")


# What may be set and what is read; both optional where the column is nullable, as django-stubs has it for TextField.
_ST = TypeVar("_ST", contravariant=True, default="str | Combinable")
_GT = TypeVar("_GT", covariant=True, default=str)


# What begins like this in a SealableTextField's column is encrypted.
MARK = "sealed:"


class SealableTextField(models.TextField[_ST, _GT]):
    """Text that is stored as it is, or encrypted where it is `Sealed`; it reads back as what it was."""

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, Unreadable):
            return value.stored
        if isinstance(value, str) and value and (isinstance(value, Sealed) or value.startswith(MARK)):
            return MARK + encrypt(value)
        return value

    def from_db_value(self, value: str | None, expression: object, connection: object) -> str | None:
        if value and value.startswith(MARK):
            try:
                return Sealed(decrypt(value.removeprefix(MARK)))
            except InvalidToken:
                return Unreadable.of(value)
        return value


def keyed_hash(text: str) -> str:
    """Returns 32 hex characters by which equal texts can be found without storing them.

    Their key never changes, or what was stored would be found no more: a rotation of the ring leaves it alone.
    """
    return hmac.new(hash_key().encode(), text.encode(), hashlib.sha256).hexdigest()[:32]


def hash_key() -> str:
    """HASH_KEY; without one it is derived from the oldest key of the ring."""
    return settings.HASH_KEY or hashlib.sha256(b"hashes:" + settings.ENCRYPTION_KEYS[-1].encode()).hexdigest()
