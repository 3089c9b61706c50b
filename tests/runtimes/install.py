"""Installs the programs of runtimes with npm, each of the version that its preset was tested with.

`python -m tests.runtimes.install DIRECTORY`: what is there already stays; what npm does not give is said in one line.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from rgt.host.runtimes.presets import load_preset
from rgt.model.home import Home

PACKAGES = {
    "codex": "@openai/codex",
    "copilot": "@github/copilot",
    "gemini": "@google/gemini-cli",
    "opencode": "opencode-ai",
}
PATIENCE = 900.0


def main(where: Path) -> None:
    """Install what is missing."""
    if not shutil.which("npm"):
        print("no runtime is tested: npm is not installed")
        return
    for name, package in PACKAGES.items():
        preset = load_preset(Home(where), name)
        place = where / name
        if (place / "node_modules" / ".bin" / preset.command[0]).exists():
            continue
        place.mkdir(parents=True, exist_ok=True)
        argv = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(place), f"{package}@{preset.tested}"]
        try:
            done = subprocess.run(argv, cwd=place, capture_output=True, text=True, timeout=PATIENCE)
            why = "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["npm failed"])[0]
        except subprocess.TimeoutExpired:
            why = f"npm took more than {PATIENCE:g} s"
        print(f"{name} could not be installed: {why}" if why else f"{name} {preset.tested} is installed")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
