"""What waits for a person, from the rows, each with the command that answers it."""

from __future__ import annotations

from rgt.model.budgets import WHOSE
from rgt.model.care import SHOWN
from rgt.model.operations import Need
from rgt.model.rows import Row


def needs(rows: list[Row]) -> list[Need]:
    """One entry per row that has an alert, oldest first; none for an agent that waits for the answer to its item."""
    asking = {r.id for r in rows if r.kind == "work" and r.alert.startswith("asks: ")}
    alert = [r for r in rows if r.alert and not (r.kind == "polecat" and r.state == "idle" and r.item in asking)]
    found = [Need(id=r.id, kind=_kind(r), what=r.alert, since=r.updated, command=_command(r)) for r in alert]
    return sorted(found, key=lambda n: (n.since, n.id))


def _kind(row: Row) -> str:
    if row.kind == "work":
        return "escalation" if row.alert.startswith("asks: ") else "blocked" if row.state == "blocked" else "parked"
    return row.kind


def _command(row: Row) -> str:
    if row.kind == "work":
        if row.alert.startswith("asks: "):
            return f"rgt escalate {row.id} --ack ANSWER"
        if row.state == "submitted":
            return f"rgt mq retry {row.id}"
        if row.alert.startswith(WHOSE["item"]):
            return f"rgt budget set item {row.id} {_amount(row)}"
        return f"rgt work reopen {row.id}"
    if row.kind == "refinery":
        return f"rgt mq resume {row.rig}" if row.state == "paused" else f"rgt rig status {row.rig}"
    if row.kind == "rig" and row.alert.startswith(WHOSE["rig"]):
        return f"rgt budget set rig {row.id} {_amount(row)}"
    if row.kind == "rig" and row.alert.startswith(WHOSE["day"]):
        return f"rgt budget set day {_amount(row)}"
    if row.kind == "rig":
        return f"rgt rig set {row.id} no_gates true" if row.alert.startswith("no gates") else f"rgt rig status {row.id}"
    if row.kind in ("polecat", "crew") and row.state in (*SHOWN, "working", "running"):
        return f"rgt agents restart {row.id}" if row.state in ("limited", "failed") else f"rgt attach {row.id}"
    if row.kind == "crew":
        return f"rgt crew start {row.id}"
    if row.kind == "mayor" and row.alert.startswith("mail from "):
        return "rgt mail inbox"
    if row.kind == "mayor" and ".toml:" in row.alert:
        return "rgt config edit"
    return "rgt doctor"


def _amount(row: Row) -> str:
    return "--tokens N" if "tokens" in row.alert else "--usd USD"
