"""`python -m rgt.cli.demo_picture FILE.svg`: runs the demo and records it as an animated picture, for the README.

Viewers that do not animate show the last frame, which is the end of the demo.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from rich.console import Console, RenderableType
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from rgt.cli.demo import Ended, farewell, play
from rgt.cli.demo_view import Beat, Story, draw

WIDTH = 96
"""Columns of the recorded terminal."""
EM, LINE, LEFT, TOP = 8.4, 18, 16, 44
"""Width of a column, height of a line, margins, in pixels."""
APART = 0.3
"""Seconds between frames at least; of changes that are closer the last one is shown."""
HOLD = 8.0
"""Seconds for which the end stands before the recording begins again."""
THEME = TerminalTheme(
    (22, 24, 29),
    (205, 209, 214),
    [(40, 44, 52), (240, 113, 120), (135, 200, 110), (230, 190, 100), (110, 170, 245), (200, 140, 235), (90, 200, 210),
     (205, 209, 214)],
)  # fmt: skip
Line = tuple[Segment, ...]


@dataclass
class Recorder:
    """Watches a demo and keeps what a terminal would have shown."""

    frames: list[tuple[float, list[Line]]] = field(default_factory=list)
    story: Story = field(default_factory=Story)
    since: float = 0.0

    @contextlib.contextmanager
    def watching(self, story: Story, since: float) -> Iterator[None]:
        """Remember what is to be drawn."""
        self.story, self.since = story, since
        yield
        self.keep(draw(story, time.monotonic() - since))

    def tell(self, id: str, beat: Beat) -> None:
        """A frame."""
        self.keep(draw(self.story, time.monotonic() - self.since))

    def keep(self, *parts: RenderableType) -> None:
        """Keep a frame of these parts, one below the other."""
        at = time.monotonic() - self.since
        if self.frames and at - self.frames[-1][0] < APART:
            self.frames.pop()
        self.frames.append((at, lines(*parts)))


def lines(*parts: RenderableType) -> list[Line]:
    """The lines of a terminal that shows `parts`."""
    console = terminal()
    options = console.options.update(height=None)
    found = [tuple(line) for part in parts for line in console.render_lines(part, options, pad=False)]
    while found and not "".join(s.text for s in found[-1]).strip():
        found.pop()
    return found


def terminal() -> Console:
    """A terminal nobody looks at."""
    return Console(file=io.StringIO(), width=WIDTH, force_terminal=True, color_system="truecolor", highlight=False)


def end_of(ended: Ended) -> Text:
    """What the demo says at its end, up to the git graph."""
    console = terminal()
    with console.capture() as said:
        farewell(console, ended)
    text = said.get()
    return Text.from_ansi(text[: text.index("The town is stopped")].rstrip())


def picture(frames: Sequence[tuple[float, list[Line]]], title: str) -> str:
    """An SVG that plays the frames, each from its time on."""
    known: dict[Line, int] = {}
    classes: dict[str, int] = {}
    total = frames[-1][0] + HOLD
    height = TOP + LINE * max(len(found) for _, found in frames) + 12
    width = round(2 * LEFT + EM * WIDTH)
    groups, timing = [], []
    for number, (at, found) in enumerate(frames):
        last = number == len(frames) - 1
        for line in found:
            known.setdefault(line, len(known))
        used = "".join(f'<use href="#l{known[line]}" y="{i * LINE}"/>' for i, line in enumerate(found) if line)
        start, end = at / total * 100, (100.0 if last else frames[number + 1][0] / total * 100)
        groups.append(f'<g class="f{" last" if last else ""}" style="animation-name:f{number}">{used}</g>')
        timing.append(f"@keyframes f{number}{{{_visible(start, end)}}}")
    shapes = "\n".join(f'<g id="l{number}">{_shape(line, classes)}</g>' for line, number in known.items())
    styles = "".join(f".c{number}{{{rule}}}" for rule, number in classes.items())
    background = THEME.background_color.hex
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">
<title>{escape(title)}</title>
<style>
text{{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre}}
.f{{opacity:0;animation:{total:.1f}s step-end infinite}}.last{{opacity:1}}
@media(prefers-reduced-motion:reduce){{.f{{animation:none}}}}
{styles}
{"".join(timing)}
</style>
<defs>
{shapes}
</defs>
<rect width="{width}" height="{height}" rx="8" fill="{background}"/>
<circle cx="22" cy="20" r="6" fill="#ff5f57"/><circle cx="42" cy="20" r="6" fill="#febc2e"/>
<circle cx="62" cy="20" r="6" fill="#28c840"/>
<g transform="translate({LEFT},{TOP})">
{chr(10).join(groups)}
</g>
</svg>
"""


def _visible(start: float, end: float) -> str:
    before = "0%{opacity:0}" if start > 0 else ""
    after = "" if end >= 100 else f"{end:.2f}%{{opacity:0}}"
    return f"{before}{start:.2f}%{{opacity:1}}{after or '100%{opacity:1}'}"


def _shape(line: Line, classes: dict[str, int]) -> str:
    return "".join(_texts(line, classes))


def _texts(line: Line, classes: dict[str, int]) -> Iterable[str]:
    column = 0
    for segment in Segment.simplify(line):
        bare = segment.text.strip()
        if bare:
            rule = _rule(segment.style or Style())
            number = classes.setdefault(rule, len(classes))
            at = (column + len(segment.text) - len(segment.text.lstrip())) * EM
            size = f'textLength="{len(bare) * EM:g}"'
            yield f'<text class="c{number}" x="{at:g}" {size} xml:space="preserve">{escape(bare)}</text>'
        column += segment.cell_length


def _rule(style: Style) -> str:
    colour = THEME.foreground_color if style.color is None else style.color.get_truecolor(THEME)
    rule = f"fill:{colour.hex}"
    return rule + (";opacity:.6" if style.dim else "") + (";font-weight:bold" if style.bold else "")


async def _record() -> str:
    recorder = Recorder()
    ended = await play(recorder, keep=False)
    recorder.story.finished = True
    recorder.keep(draw(recorder.story, ended.seconds))
    recorder.since -= 3 * APART
    recorder.keep(draw(recorder.story, ended.seconds), end_of(ended))
    return picture(recorder.frames, "rgt demo: three agents, one failure, one conflict, three merges")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(asyncio.run(_record()), encoding="utf-8")
