"""What a benchmark gives back: figures with their floors and limits, as text, as JSON and as a table."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


def shown(value: float) -> str:
    """A value with as many digits as mean something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def p95(values: Sequence[float]) -> float:
    """The smallest value that 95 of 100 do not exceed."""
    return sorted(values)[max(0, math.ceil(0.95 * len(values)) - 1)]


@dataclass
class Figure:
    """One thing that was measured, with its floor from the same run and the limits it has to keep.

    A limit is named by the measure it bounds: `median`, `p95`, `max`, `over median`, `over p95` (pairwise above the
    floor) or `times` (median over the floor's median).
    """

    name: str
    values: list[float]
    floor_name: str = ""
    floor: list[float] = field(default_factory=list)
    limits: dict[str, float] = field(default_factory=dict)
    unit: str = "ms"
    note: str = ""

    def measure(self, name: str) -> float:
        """One of the measures that a limit may bound."""
        if name == "times":
            return statistics.median(self.values) / statistics.median(self.floor)
        values = self.values
        if name.startswith("over "):
            values = [a - b for a, b in zip(self.values, self.floor, strict=False)]
        reduce: dict[str, Callable[[Sequence[float]], float]] = {"median": statistics.median, "p95": p95, "max": max}
        return reduce[name.removeprefix("over ")](values)

    def broken(self) -> list[str]:
        """The limits that are not kept, with what was measured."""
        return [
            f"{name} {shown(self.measure(name))} > {bound:g}"
            for name, bound in self.limits.items()
            if self.measure(name) > bound
        ]

    def line(self) -> str:
        """The figure for people, on one line."""
        parts = [f"median {shown(self.measure('median'))} {self.unit}", f"p95 {shown(self.measure('p95'))}"]
        parts += [f"n {len(self.values)}", f"range {shown(min(self.values))}–{shown(max(self.values))}"]
        if self.floor:
            parts.append(
                f"floor {shown(statistics.median(self.floor))} ({self.floor_name}), {self.measure('times'):.2f}×"
            )
        if self.note:
            parts.append(self.note)
        verdict = f"MISSED: {', '.join(self.broken())}" if self.broken() else "ok" if self.limits else ""
        return f"{self.name:<52} {' · '.join(parts)}  {verdict}".rstrip()

    def as_dict(self) -> dict[str, Any]:
        """The figure for `results.json`, with every value."""
        return {
            "name": self.name,
            "unit": self.unit,
            "median": round(self.measure("median"), 2),
            "p95": round(self.measure("p95"), 2),
            "floor": {"name": self.floor_name, "median": round(statistics.median(self.floor), 2)}
            if self.floor
            else None,
            "measured": {name: round(self.measure(name), 2) for name in self.limits},
            "limits": self.limits,
            "kept": not self.broken(),
            "note": self.note,
            "values": [round(v, 2) for v in self.values],
            "floor_values": [round(v, 2) for v in self.floor],
        }


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table."""
    lines = ["| | median | p95 | floor, same run | ratio | limits |", "|---|--:|--:|---|--:|---|"]
    for f in figures:
        floor = f"{shown(statistics.median(f.floor))} {f.floor_name}" if f.floor else ""
        ratio = f"{f.measure('times'):.2f}×" if f.floor else ""
        limits = ", ".join(f"{name} ≤ {bound:g}: {shown(f.measure(name))}" for name, bound in f.limits.items())
        missed = " **missed**" if f.broken() else ""
        name = f"{f.name} ({f.note})" if f.note else f.name
        values = f"{shown(f.measure('median'))} {f.unit} | {shown(f.measure('p95'))} {f.unit}"
        lines.append(f"| {name} | {values} | {floor} | {ratio} | {limits}{missed} |")
    return "\n".join(lines)
