"""The extension as a package: small, whole, and in agreement with the server."""

from __future__ import annotations

import json
import re
import zipfile
from typing import Any

import rgt
from rgt.lsp.editor import COMMANDS, OWN
from rgt.lsp.settings import Values
from tests.vscode.page import EXTENSION, VSIX

MANIFEST: dict[str, Any] = json.loads((EXTENSION / "package.json").read_text())
CONTRIBUTES: dict[str, Any] = MANIFEST["contributes"]
SOURCES = "\n".join(p.read_text() for p in sorted((EXTENSION / "src").glob("*.ts")))


def test_its_version_is_that_of_the_server() -> None:
    assert MANIFEST["version"] == rgt.__version__
    lock = json.loads((EXTENSION / "package-lock.json").read_text())
    assert lock["packages"][""]["version"] == rgt.__version__


def test_it_announces_what_the_server_can_use() -> None:
    """All commands that lenses may name; each is in the manifest."""
    announced = re.search(r"COMMANDS = \[(.*?)\]", SOURCES)
    assert announced is not None
    assert set(re.findall(r'"(rgt\.\w+)"', announced[1])) == set(COMMANDS)
    commands = {c["command"] for c in CONTRIBUTES["commands"]}
    assert set(COMMANDS) <= commands
    assert {"serverStatus", "townChanged", "commands"} <= set(OWN)


def test_commands_are_registered_and_menus_name_only_such() -> None:
    commands = {c["command"] for c in CONTRIBUTES["commands"]}
    registered = set(re.findall(r'^    "(rgt\.\w+)": ', SOURCES, re.MULTILINE))
    assert registered == commands
    named = {entry["command"] for menu in CONTRIBUTES["menus"].values() for entry in menu}
    buttons = set(re.findall(r"command:(rgt\.\w+)", json.dumps(CONTRIBUTES)))
    assert named | buttons <= commands
    assert {c["category"] for c in CONTRIBUTES["commands"]} == {"rgt"}


def test_settings_of_the_server_are_offered_with_its_defaults() -> None:
    settings = CONTRIBUTES["configuration"]["properties"]
    for field in Values.model_fields.values():
        assert settings[f"rgt.{field.alias}"]["default"] == field.default
        assert settings[f"rgt.{field.alias}"]["description"] == field.description
    trusted = MANIFEST["capabilities"]["untrustedWorkspaces"]
    assert trusted["supported"] == "limited"
    assert set(trusted["restrictedConfigurations"]) == {"rgt.server.path", "rgt.server.interpreter", "rgt.home"}


def test_every_state_has_one_button() -> None:
    """Of those in which something is to be done; the line of another is a remark."""
    states = set(re.findall(r'^  \| "(\w+)"', (EXTENSION / "src/state.ts").read_text(), re.MULTILINE))
    welcome = {v["when"].removeprefix("rgt.state == "): v["contents"] for v in CONTRIBUTES["viewsWelcome"]}
    buttons = {state: text.count("\n[") for state, text in welcome.items() if state in states}
    nothing_to_do = {"starting", "away", "up"}
    assert {s for s, n in buttons.items() if n == 1} == states - nothing_to_do


def test_the_package_is_small_and_holds_what_runs(present: None) -> None:
    """A window that opens reads a tenth of it: without the language client."""
    assert VSIX.stat().st_size < 200_000
    with zipfile.ZipFile(VSIX) as vsix:
        inside = {i.filename: i.file_size for i in vsix.infolist()}
    ours = {name.removeprefix("extension/") for name in inside if name.startswith("extension/")}
    assert {"dist/extension.js", "dist/client.js", "media/icon.png", "media/town.svg", "package.json"} <= ours
    assert not [name for name in ours if name.startswith(("node_modules/", "src/", "test/", "dist/test"))]
    assert inside["extension/dist/extension.js"] < 40_000


def test_no_registry_is_named() -> None:
    assert "resolved" not in (EXTENSION / "package-lock.json").read_text()
