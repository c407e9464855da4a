"""The floors stand in one order, wherever they are written down."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from django.conf import settings

HOME = Path(__file__).resolve().parent.parent
FLOORS = ["dashboard", "webhooks", "events", "messaging", "phone_numbers", "accounts"]


def _floors_in(page: str) -> list[str]:
    """The order of the first drawing of the house in a page: one floor a line, its name first."""
    drawing = re.search(
        r"^ *webhooks_project .*\n((?: *\w+ .*\n)+)", (HOME / page).read_text(), flags=re.MULTILINE
    )
    assert drawing is not None, page
    return [line.split()[0] for line in drawing[1].splitlines()]


def test_the_settings_list_the_floors_from_top_to_bottom() -> None:
    assert [app for app in settings.INSTALLED_APPS if app in FLOORS] == FLOORS


def test_the_import_contract_has_the_same_order() -> None:
    contracts = tomllib.loads((HOME / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert contracts[0]["layers"] == ["webhooks_project", *FLOORS]


def test_the_readme_and_the_architecture_page_draw_the_same_house() -> None:
    assert _floors_in("README.md") == FLOORS
    assert _floors_in("docs/architecture.md") == FLOORS


def test_an_app_imports_only_from_floors_below() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    result = subprocess.run(command, cwd=HOME, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout
