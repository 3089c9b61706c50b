"""Shell lines taken apart for the guard: which simple commands would run, wherever they hide.

Not a shell: it knows quoting, expansion, substitution, redirection and what separates commands, and says when it does
not understand (`Unclear`). The standard library alone, and nothing of it that is slow to import.
"""

from __future__ import annotations

from rgt.model.guard_line import MADE, PIPE, Command, Word

RESERVED = frozenset("! { } if then elif else fi while until do done esac time coproc function".split())
"""Words after which a command may begin."""
ENDS = frozenset(["\n", ";", ";;", ";&", ";;&", "&", "&&", "||", "|", "|&", "(", ")"])
OPERATORS = (
    ";;&", "<<<", "<<-", "&>>", ";;", ";&", "&&", "||", "|&", "&>", ">>", ">|", ">&", "<<", "<&", "<>", "<(", ">(",
    ";", "&", "|", "(", ")", "<", ">", "\n",
)  # fmt: skip
NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "v": "\v"}
DEEPEST = 40


class Unclear(Exception):
    """The guard does not understand a line; the message says what of it."""


def commands(text: str, depth: int = 0) -> list[Command]:
    """Every simple command of a script in its order, those of substitutions before the one they are in.

    Raises `Unclear` for what is no shell, or too deep."""
    return _Reader(text, depth).read()


class _Reader:
    def __init__(self, text: str, depth: int, at: int = 0) -> None:
        if depth > DEEPEST:
            raise Unclear("it is nested too deep")
        self.text = text
        self.at = at
        self.depth = depth
        self.found: list[Command] = []
        self.scope: tuple[object, ...] = ()
        self.level = 0
        """How many parentheses are open."""
        self.cases: list[int] = []
        """How many were, at each `case` that has not ended."""
        self.waiting: list[tuple[Command, Word, bool]] = []
        """Here-documents whose body comes after this line."""

    def read(self, closed: bool = False) -> list[Command]:
        """To the end of the text or, when it is to be `closed`, to the `)` that does it."""
        command, level, base = Command(self.scope), 0, len(self.scope)
        while True:
            kind, token = self._next(command)
            if closed and kind == "end":
                raise Unclear("a parenthesis without an end")
            if kind == "operator" and token == ")" and self.cases and self.cases[-1] == level:
                command = Command(self.scope)  # what it held is a pattern, as in `x)`
                continue
            level += (token == "(") - (token == ")") if kind == "operator" else 0
            self.level = level
            if level < 0 and closed:
                self._add(command)
                return self.found
            if kind == "end" or (kind == "operator" and token in ENDS):
                self._add(command)
                if kind == "end":
                    return self.found
                if token == "\n":
                    self._bodies()
                if token == "(":
                    self.scope = (*self.scope, object())
                elif token == ")":
                    self.scope = self.scope[: max(base, len(self.scope) - 1)]
                fed = token == "(" and command.piped and not command.words
                command = Command(self.scope)
                command.piped = fed or token in ("|", "|&")
            elif kind == "redirect":
                self._redirect(command, token)
            elif kind == "word":
                self._word(command)

    def _add(self, command: Command) -> None:
        if command.words or command.assigned or command.redirects:
            self.found.append(command)

    def _next(self, command: Command) -> tuple[str, str]:
        """What comes next: `word` (not read yet), `operator`, `redirect` (read), or `end`."""
        while self.at < len(self.text):
            c = self.text[self.at]
            if c in " \t\r":
                self.at += 1
            elif self.text.startswith("\\\n", self.at):
                self.at += 2
            elif c == "#":
                while self.at < len(self.text) and self.text[self.at] != "\n":
                    self.at += 1
            else:
                break
        if self.at >= len(self.text):
            return "end", ""
        digits = self.at
        while digits < len(self.text) and self.text[digits].isdigit():
            digits += 1
        if digits > self.at and self.text[digits : digits + 1] in ("<", ">"):
            self.at = digits
        for operator in OPERATORS:
            if self.text.startswith(operator, self.at):
                if operator in ("<(", ">("):
                    return "word", ""
                if operator == "(" and self.text.startswith("((", self.at) and not command.words:
                    self._arithmetic()
                    return self._next(command)
                self.at += len(operator)
                return ("operator" if operator in ENDS else "redirect"), operator
        return "word", ""

    def _word(self, command: Command) -> None:
        word = self.word()
        first = not command.words
        if first and not word.quoted and not word.unknown and word.text in RESERVED:
            self._after(word.text)
            return
        if first and not word.quoted and word.text in ("for", "select", "case"):
            self._heading(word.text)
            return
        if first and word.text == "[[" and not word.quoted:
            self._test()
            return
        name = _assigned(word)
        if first and name:
            value = Word()
            value.text, value.unknown = word.text[len(name) + 1 :].removeprefix("="), word.unknown
            value.names = word.names
            if word.text.endswith("=") and self.text.startswith("(", self.at):
                value = self._array()
                command.assigned.append((name.rstrip("+") + "[@]", value))
            command.assigned.append((name.rstrip("+"), value))
            return
        command.words.append(word)

    def _array(self) -> Word:
        """`(a b)` after `NAME=`: all its words as one."""
        self.at += 1
        whole = Word()
        while True:
            kind, token = self._next(Command())
            if kind == "word":
                word = self.word()
                whole.text += (" " if whole.text else "") + word.text
                whole.unknown, whole.names = whole.unknown or word.unknown, whole.names + word.names
            elif token == ")":
                return whole
            elif token != "\n":
                raise Unclear("an array without an end")

    def _after(self, reserved: str) -> None:
        """`function NAME`, `time -p`: a word that is no command either."""
        if reserved == "esac" and self.cases:
            self.cases.pop()
        start = self.at
        kind, _ = self._next(Command()) if reserved in ("function", "time") else ("", "")
        if kind == "word" and (reserved == "function" or self.text.startswith("-p", self.at)):
            self.word()
        elif kind:
            self.at = start

    def _heading(self, kind: str) -> None:
        """`for x in a b`, `case x in`: words that are no command, up to the end of the heading."""
        while True:
            start = self.at
            step, token = self._next(Command())
            if step == "end" or (step == "operator" and token in (";", "\n")):
                return
            if step == "word":
                word = self.word()
                if kind == "case" and word.text == "in":
                    self.cases.append(self.level)
                    return
                if word.text == "do":
                    return
            elif self.at == start:
                raise Unclear(f"a `{kind}` without an end")

    def _test(self) -> None:
        """`[[ … ]]`, where `<`, `>` and `&&` compare."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in " \t\r\n<>&|()":
                self.at += 1
            if self.at >= len(self.text):
                raise Unclear("a `[[` without an end")
            if self.word().text == "]]":
                return

    def _arithmetic(self) -> None:
        end = self.text.find("))", self.at)
        if end < 0:
            raise Unclear("a `((` without an end")
        self._inside(self.text[self.at + 2 : end])
        self.at = end + 2

    def _redirect(self, command: Command, operator: str) -> None:
        while self.text[self.at : self.at + 1] in (" ", "\t"):
            self.at += 1
        if self.at >= len(self.text):
            raise Unclear("a redirection to nothing")
        word = self.word()
        if operator in ("<<", "<<-"):
            self.waiting.append((command, word, operator == "<<-"))
        elif operator == "<<<":
            command.here.append(word.text)
        elif operator in (">&", "<&") and (word.text.isdigit() or word.text == "-"):
            return
        else:
            command.redirects.append((">" if operator == ">&" else operator, word))

    def _bodies(self) -> None:
        for command, delimiter, tabs in self.waiting:
            lines = []
            while True:
                if self.at >= len(self.text):
                    break
                end = self.text.find("\n", self.at)
                line = self.text[self.at : end if end >= 0 else len(self.text)]
                self.at = end + 1 if end >= 0 else len(self.text)
                if (line.lstrip("\t") if tabs else line).rstrip("\r") == delimiter.text:
                    break
                lines.append(line)
            body = "\n".join(lines)
            command.here.append(body)
            if not delimiter.quoted:
                self._inside(body)
        self.waiting = []

    def _inside(self, text: str) -> None:
        """Find the substitutions in a text that is not shell itself."""
        reader = self._within(text, 0)
        while reader.at < len(text):
            c = text[reader.at]
            if c == "\\":
                reader.at += 2
            elif c == "`" or text.startswith(("$(", "${"), reader.at):
                reader._expansion(Word())
            else:
                reader.at += 1
        self.found += reader.found

    # --- words

    def word(self) -> Word:
        """Read one word, with all its quotes and expansions."""
        word, start = Word(), self.at
        while self.at < len(self.text):
            c = self.text[self.at]
            if c in " \t\r\n;&|()<>" and not (c in "<>" and self.text.startswith("(", self.at + 1)):
                break
            if c == "\\":
                if self.text[self.at + 1 : self.at + 2] != "\n":
                    word.text += self.text[self.at + 1 : self.at + 2]
                word.quoted = True
                self.at += 2
            elif c == "'":
                end = self.text.find("'", self.at + 1)
                if end < 0:
                    raise Unclear("a quote without an end")
                word.text += self.text[self.at + 1 : end]
                word.quoted = True
                self.at = end + 1
            elif c == '"':
                self._double(word)
            elif c in "$`":
                self._expansion(word)
            elif c in "<>":
                self.at += 1
                self._substitution(word, PIPE)
            else:
                word.text += c
                self.at += 1
        if self.at == start:
            raise Unclear(f"an unexpected {self.text[self.at : self.at + 1]!r}")
        return word

    def _double(self, word: Word) -> None:
        word.quoted = True
        self.at += 1
        while True:
            if self.at >= len(self.text):
                raise Unclear("a quote without an end")
            c = self.text[self.at]
            if c == '"':
                self.at += 1
                return
            if c == "\\":
                following = self.text[self.at + 1 : self.at + 2]
                word.text += following if following in '$`"\\' else "" if following == "\n" else c + following
                self.at += 2
            elif c in "$`":
                self._expansion(word)
            else:
                word.text += c
                self.at += 1

    def _expansion(self, word: Word) -> None:
        """At a `$` or a backtick."""
        if self.text[self.at] == "`":
            self._backticks(word)
            return
        following = self.text[self.at + 1 : self.at + 2]
        if following == "(":
            if self.text.startswith("$((", self.at) and (end := self.text.find("))", self.at)) > 0:
                self._inside(self.text[self.at + 3 : end])
                self.at = end + 2
                self._add_unknown(word)
                return
            self.at += 1
            self._substitution(word)
        elif following == "{":
            self._braces(word)
        elif following == "'":
            self._ansi(word)
        elif following == '"':
            self.at += 1
            self._double(word)
        elif following in NAME or (following and following in "@*#?$!-"):
            self.at += 1
            start = self.at
            self.at += 1
            while following in NAME and not following.isdigit() and self.text[self.at : self.at + 1] in NAME:
                if self.at >= len(self.text):
                    break
                self.at += 1
            self._add_unknown(word, self.text[start : self.at])
        else:
            word.text += "$"
            self.at += 1

    @staticmethod
    def _add_unknown(word: Word, name: str = "") -> None:
        word.text += "\0"
        word.unknown = True
        word.names.append(name)

    def _within(self, text: str, at: int) -> _Reader:
        reader = _Reader(text, self.depth + 1, at)
        reader.scope = (*self.scope, object())
        return reader

    def _substitution(self, word: Word, name: str = "") -> None:
        """At the `(` of `$(…)` or `<(…)`."""
        reader = self._within(self.text, self.at + 1)
        self.found += reader.read(closed=True)
        inner = self.text[self.at + 1 : reader.at - 1].strip()
        if inner in ("mktemp", "mktemp -d"):
            name = MADE
        elif inner == "pwd":
            name = "PWD"
        self.at = reader.at
        self._add_unknown(word, name)

    def _backticks(self, word: Word) -> None:
        inner, self.at = "", self.at + 1
        while self.text[self.at : self.at + 1] != "`":
            if self.at >= len(self.text):
                raise Unclear("a backtick without an end")
            if self.text[self.at] == "\\":
                self.at += 1
            inner += self.text[self.at : self.at + 1]
            self.at += 1
        self.at += 1
        self.found += self._within(inner, 0).read()
        self._add_unknown(word)

    def _braces(self, word: Word) -> None:
        level, start = 0, self.at + 2
        self.at += 1
        while self.at < len(self.text):
            c = self.text[self.at]
            level += (c == "{") - (c == "}")
            if c == "\\":
                self.at += 1
            self.at += 1
            if level == 0:
                inner = self.text[start : self.at - 1]
                self._inside(inner)
                name = ""
                for c in inner.lstrip("!#"):
                    if c not in NAME:
                        break
                    name += c
                self._add_unknown(word, name + ("[@]" if inner[len(name) :] in ("[@]", "[*]") else ""))
                return
        raise Unclear("a brace without an end")

    def _ansi(self, word: Word) -> None:
        word.quoted = True
        self.at += 2
        while self.text[self.at : self.at + 1] != "'":
            if self.at >= len(self.text):
                raise Unclear("a quote without an end")
            c = self.text[self.at]
            if c == "\\":
                self.at += 1
                c = self.text[self.at : self.at + 1]
                c = self._numbered(c) if c in "xuU01234567" else ESCAPES.get(c, c)
            word.text += c
            self.at += 1
        self.at += 1

    def _numbered(self, kind: str) -> str:
        base, most = (16, {"x": 2, "u": 4, "U": 8}[kind]) if kind in "xuU" else (8, 3)
        start = self.at + 1 if base == 16 else self.at
        end = start
        while end < start + most and self.text[end : end + 1] in "0123456789abcdefABCDEF"[: 22 if base == 16 else 8]:
            if end >= len(self.text):
                break
            end += 1
        self.at = end - 1
        try:
            return chr(int(self.text[start:end], base))
        except (ValueError, OverflowError):
            raise Unclear("an escape that is none") from None


def _assigned(word: Word) -> str:
    """The name that a word like `NAME=…` or `NAME+=…` assigns, with the `+`; empty for another word."""
    name, equals, _ = word.text.partition("=")
    bare = name.removesuffix("+").partition("[")[0]
    if not equals or not bare or bare[0].isdigit() or any(c not in NAME for c in bare):
        return ""
    return name
