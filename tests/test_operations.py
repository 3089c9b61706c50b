"""One table of operations: the handlers, the command line and the errors agree with it."""

from __future__ import annotations

import ast
from pathlib import Path

import rgt
from rgt.client.direct import HANDLERS
from rgt.model.errors import CODES
from rgt.model.operations import OPERATIONS

CLI = Path(rgt.__file__).parent / "cli"
HOOKS_ALONE = {"AGENT_HOOK"}
"""Operations that no person types."""


def test_every_operation_has_a_handler_and_every_handler_an_operation() -> None:
    assert set(HANDLERS) == set(OPERATIONS)


def test_every_operation_can_be_reached_from_the_command_line() -> None:
    used = {
        node.attr
        for path in CLI.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ops"
    }
    constants = {o.name.upper().replace(".", "_") for o in OPERATIONS.values()}
    assert constants - used - HOOKS_ALONE == set()


def test_an_operation_says_what_it_does_and_who_may_do_it() -> None:
    for o in OPERATIONS.values():
        assert o.title and "person" in o.roles, o.name
        assert o.hint, o.name


def test_every_error_code_that_is_raised_is_in_the_table() -> None:
    raised = {
        node.args[0].value
        for path in CLI.parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "RgtError"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert raised <= set(CODES)
