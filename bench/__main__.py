"""`python -m bench [NAME…]`: run the benchmarks, print their figures, and write results.json and README.md's table."""

from __future__ import annotations

import importlib
import json
import sys
import time

from bench.figures import Figure, table
from bench.harness import HERE, QUICK, machine

ALL = (
    "start",
    "verbs",
    "hooks",
    "sling",
    "done",
    "feed",
    "lsp",
    "neovim",
    "vscode",
    "verdict",
    "recovery",
    "idle",
    "claude",
    "fifty",
)
BEGIN, END = "<!-- figures: written by `python -m bench` -->", "<!-- end of figures -->"


def main(names: list[str]) -> int:
    """Run them; 0 when every limit was kept. Only a whole run in full length is written down."""
    about = machine()
    print(" · ".join(f"{k} {v}" for k, v in about.items()), flush=True)
    figures: list[Figure] = []
    for name in names or ALL:
        print(f"\n{name}", flush=True)
        for figure in importlib.import_module(f"bench.{name}").run():
            print(f"  {figure.line()}", flush=True)
            figures.append(figure)
    about["load"] += f" before, {machine()['load']} after"
    if not names and not QUICK:
        write(figures, about)
    return int(any(f.broken() for f in figures))


def write(figures: list[Figure], about: dict[str, str]) -> None:
    """Write what was measured to results.json and between the marks of README.md."""
    day = time.strftime("%Y-%m-%d")
    results = {"day": day, "machine": about, "figures": [f.as_dict() for f in figures]}
    (HERE / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    page = HERE / "README.md"
    head, _, rest = page.read_text().partition(BEGIN)
    tail = rest.partition(END)[2]
    machine_line = " · ".join(f"{k} {v}" for k, v in about.items())
    page.write_text(f"{head}{BEGIN}\n\nMeasured on {day}: {machine_line}.\n\n{table(figures)}\n\n{END}{tail}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
