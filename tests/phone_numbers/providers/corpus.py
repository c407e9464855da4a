"""The corpus of raw payloads, no part of the project: the folder CORPUS_DIR, by default beside the checkout."""

import os
from pathlib import Path
from typing import Any

import pytest

CORPUS_DIR = Path(os.environ.get("CORPUS_DIR", Path(__file__).resolve().parents[4] / "shared" / "corpus"))


def corpus_files(provider: str) -> list[Any]:
    files = sorted((CORPUS_DIR / provider).glob("*.json"))
    if files:
        return [pytest.param(file, id=file.name) for file in files]
    return [pytest.param(None, marks=pytest.mark.skip(reason=f"There is no corpus at {CORPUS_DIR}."))]
