"""Who calls without a token: a person, unless the call comes from inside something that the town itself runs."""

from __future__ import annotations

from pathlib import Path

from rgt.host.processes import ancestors_env
from rgt.model.errors import RgtError
from rgt.model.home import Home


def must_be_person(home: Home, pid: int) -> None:
    """Raise `denied` when the process `pid` runs inside an agent's session or a gate of this town."""
    session, gate = ancestors_env(pid, ("GTR_NONCE", "GTR_ROOT"), ("RGT_GATE", "RGT_RIG"))
    if session and session["GTR_ROOT"] == str(home.root):
        raise RgtError("denied", "this shell is inside an agent's session but has no GTR_TOKEN", "keep the variable")
    if gate and Path(gate["RGT_RIG"]).parent == home.rigs:
        raise RgtError("denied", "a gate may not call the town", "gates only test")
