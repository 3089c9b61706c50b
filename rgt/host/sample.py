"""The demo's repository, a small cash register, and three items of work on it for scripted agents."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from rgt.host.git import git
from rgt.model.errors import RgtError
from rgt.model.queue import Priority

GATE = "python3 -B -m unittest -q"
"""The sample's only gate: its own tests, a fraction of a second, nothing to install."""


@dataclass(frozen=True)
class DemoItem:
    """A work item of the demo; its description carries what the scripted agent does."""

    title: str
    description: str
    priority: Priority


async def make_sample(dest: Path) -> None:
    """Make the sample repository in `dest`, with the same commits every time; raises `exists` if there is something."""
    if dest.exists() and any(dest.iterdir()):
        raise RgtError("exists", f"{dest} is not empty", "choose another directory")
    dest.mkdir(parents=True, exist_ok=True)
    await git(dest, "init", "--quiet", "--template=", "--initial-branch=main")
    for day, (message, files) in enumerate(HISTORY, 3):
        for name, text in files.items():
            path = dest / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        date = f"2025-03-{day:02d}T09:00:00+00:00"
        who = {"NAME": "Ada Kramer", "EMAIL": "ada@till.example", "DATE": date}
        env = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
        await git(dest, "-c", "core.autocrlf=false", "add", "--all")
        plain = ("-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null")
        await git(dest, *plain, "commit", "--quiet", "--message", message, env=env)


README = """\
# till

The cash register of a small shop. All amounts are whole cents.

    >>> from till.basket import Basket
    >>> basket = Basket()
    >>> basket.add("bread", 2)
    >>> basket.total()
    640

Tests: `python3 -m unittest`
"""

MONEY = '''\
"""Money, in whole cents."""


def show(cents):
    """An amount as people write it: 640 is "6.40"."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def parse(text):
    """The inverse of `show`; "6.4" and "6" are understood too."""
    whole, _, part = text.strip().lstrip("-").partition(".")
    if not (whole + part).isdigit() or len(part) > 2:
        raise ValueError(f"not an amount: {text!r}")
    cents = int(whole or 0) * 100 + int(part.ljust(2, "0"))
    return -cents if text.strip().startswith("-") else cents
'''

CATALOG = '''\
"""What the shop sells, and for how much."""

PRICES = {
    "bread": 320,
    "butter": 289,
    "eggs": 410,
    "lemonade": 150,
    "milk": 165,
}


def price(name):
    """Price of one piece in cents."""
    if name not in PRICES:
        raise KeyError(f"we do not sell {name}")
    return PRICES[name]
'''

BASKET = '''\
"""A customer's basket."""

from till.catalog import price


class Basket:
    """Counts of goods by name."""

    def __init__(self):
        self.counts = {}

    def add(self, name, count=1):
        """Put `count` pieces in; a name we do not sell is refused."""
        price(name)
        if count < 1:
            raise ValueError("count must be at least 1")
        self.counts[name] = self.counts.get(name, 0) + count

    def total(self):
        """What the customer pays, in cents."""
        return sum(price(name) * count for name, count in self.counts.items())
'''

RECEIPT = '''\
"""The paper that the customer takes home."""

from till.catalog import price
from till.money import show

WIDTH = 28


def line(left, right):
    """A line with one text at each edge."""
    return left + right.rjust(WIDTH - len(left))


def receipt(basket):
    """All lines of the receipt of a basket."""
    goods = [line(f"{count} x {name}", show(price(name) * count)) for name, count in basket.counts.items()]
    return [*goods, "-" * WIDTH, line("total", show(basket.total()))]
'''

TEST_MONEY = """\
import unittest

from till.money import parse, show


class MoneyTest(unittest.TestCase):
    def test_shows_two_digits(self):
        self.assertEqual(show(640), "6.40")
        self.assertEqual(show(5), "0.05")

    def test_shows_what_is_owed(self):
        self.assertEqual(show(-250), "-2.50")

    def test_parses_what_it_shows(self):
        for cents in (0, 5, 99, 100, 12345, -250):
            self.assertEqual(parse(show(cents)), cents)

    def test_parses_short_forms(self):
        self.assertEqual(parse("6.4"), 640)
        self.assertEqual(parse(" 6 "), 600)

    def test_refuses_nonsense(self):
        for text in ("", "six", "1.234", "1,50"):
            with self.assertRaises(ValueError):
                parse(text)
"""

TEST_BASKET = """\
import unittest

from till.basket import Basket


class BasketTest(unittest.TestCase):
    def setUp(self):
        self.basket = Basket()

    def test_an_empty_basket_costs_nothing(self):
        self.assertEqual(self.basket.total(), 0)

    def test_adds_up(self):
        self.basket.add("bread", 2)
        self.basket.add("milk")
        self.assertEqual(self.basket.total(), 805)

    def test_counts_the_same_thing_together(self):
        self.basket.add("eggs")
        self.basket.add("eggs", 2)
        self.assertEqual(self.basket.counts, {"eggs": 3})

    def test_refuses_what_we_do_not_sell(self):
        with self.assertRaises(KeyError):
            self.basket.add("caviar")

    def test_refuses_less_than_one(self):
        with self.assertRaises(ValueError):
            self.basket.add("bread", 0)
"""

TEST_RECEIPT = """\
import unittest

from till.basket import Basket
from till.receipt import WIDTH, receipt


class ReceiptTest(unittest.TestCase):
    def setUp(self):
        basket = Basket()
        basket.add("bread", 2)
        basket.add("butter")
        self.lines = receipt(basket)

    def test_has_a_line_for_each_thing(self):
        self.assertEqual(self.lines[0], "2 x bread               6.40")
        self.assertEqual(self.lines[1], "1 x butter              2.89")

    def test_ends_with_the_total(self):
        self.assertEqual(self.lines[-1].split(), ["total", "9.29"])

    def test_is_as_wide_as_the_paper(self):
        self.assertEqual({len(line) for line in self.lines}, {WIDTH})
"""

HISTORY: list[tuple[str, dict[str, str]]] = [
    ("Start with money", {"README.md": README, ".gitignore": "__pycache__/\n", "till/__init__.py": "",
     "till/money.py": MONEY, "tests/__init__.py": "", "tests/test_money.py": TEST_MONEY}),
    ("Sell things", {"till/catalog.py": CATALOG, "till/basket.py": BASKET, "tests/test_basket.py": TEST_BASKET}),
    ("Print receipts", {"till/receipt.py": RECEIPT, "tests/test_receipt.py": TEST_RECEIPT}),
]  # fmt: skip
"""Commits, oldest first: message and the files it adds."""

DISCOUNT = '''\
"""What is taken off for those who buy much."""

PIECES = 10
PERCENT = 10


def discount(goods, pieces):
    """Cents off the price of the goods when so many pieces are bought, rounded up."""
    return -(-goods * PERCENT // 100) if pieces >= PIECES else 0
'''

TEST_DISCOUNT = """\
import unittest

from till.basket import Basket
from till.discount import discount


class DiscountTest(unittest.TestCase):
    def test_the_tenth_milk_is_free(self):
        nine, ten = Basket(), Basket()
        nine.add("milk", 9)
        ten.add("milk", 10)
        self.assertEqual(ten.total(), nine.total())

    def test_rounds_for_the_customer(self):
        self.assertEqual(discount(1001, 10), 101)
"""

CASH = '''

def cash(cents):
    """An amount as it can be paid in coins of five cents and more."""
    return cents // 5 * 5
'''

TEST_CASH = """\
import unittest

from till.money import cash


class CashTest(unittest.TestCase):
    def test_rounds_to_the_nearest_five(self):
        self.assertEqual([cash(cents) for cents in (100, 102, 103, 107, 108)], [100, 100, 105, 105, 110])
"""

DEPOSIT = '''\
"""What customers get back for their empty bottles."""

DEPOSITS = {"lemonade": 25}


def deposit(counts):
    """Cents of deposit on these goods."""
    return sum(DEPOSITS.get(name, 0) * count for name, count in counts.items())
'''

TEST_DEPOSIT = """\
import unittest

from till.basket import Basket


class DepositTest(unittest.TestCase):
    def test_a_bottle_has_a_deposit(self):
        basket = Basket()
        basket.add("lemonade", 2)
        self.assertEqual(basket.total(), 350)
"""

TEST_BOTH = """
    def test_there_is_no_discount_on_the_deposit(self):
        basket = Basket()
        basket.add("lemonade", 10)
        self.assertEqual(basket.total(), 1500 - 150 + 250)
"""

UNTIL_DISCOUNT = (
    "n=0; until git cat-file -e origin/main:till/discount.py 2>/dev/null; "
    "do n=$((n+1)); [ $n -lt 300 ] || exit 1; sleep 0.2; done"
)


def _basket(imports: str, total: str) -> str:
    head, goods = "from till.catalog import price\n", "sum(price(name) * count for name, count in self.counts.items())"
    was = f"        return {goods}\n"
    assert head in BASKET and was in BASKET
    return BASKET.replace(head, head + imports).replace(was, total.replace("GOODS", goods))


BASKET_DISCOUNT = _basket(
    "from till.discount import discount\n",
    """\
        goods = GOODS
        return goods - discount(goods, sum(self.counts.values()))
""",
)
BASKET_DEPOSIT = _basket(
    "from till.deposit import deposit\n",
    """\
        return GOODS + deposit(self.counts)
""",
)
BASKET_BOTH = _basket(
    "from till.deposit import deposit\nfrom till.discount import discount\n",
    """\
        goods = GOODS
        return goods - discount(goods, sum(self.counts.values())) + deposit(self.counts)
""",
)


def _step(do: str, **fields: str | float) -> dict[str, str | float]:
    return {"do": do, **fields}


def _describe(about: str, **lists: list[dict[str, str | float]]) -> str:
    """A description for people, followed by the script of the agent that plays its part."""
    tables = [
        "\n".join([f"[[{name}]]", *(f"{key} = {_toml(value)}" for key, value in step.items())])
        for name, steps in lists.items()
        for step in steps
    ]
    script = "\n\n".join(tables)
    return f"{about}\n\n```rgt-script\n{script}\n```\n"


def _toml(value: str | float) -> str:
    lines = isinstance(value, str) and "\n" in value
    return f"'''\n{value}'''" if lines else json.dumps(value, ensure_ascii=False)


DEMO_ITEMS = (
    DemoItem(
        "Give 10 % off ten pieces or more",
        _describe(
            "Whoever buys ten pieces or more pays 10 % less for the goods. Round in the customer's favour.",
            start=[
                _step("say", text="Where is the total made?"),
                _step("run", cmd="grep -n -A 2 'def total' till/basket.py"),
                _step("wait", seconds=0.4),
                _step("write", path="till/discount.py", text=DISCOUNT),
                _step("write", path="tests/test_discount.py", text=TEST_DISCOUNT),
                _step("wait", seconds=0.5),
                _step("write", path="till/basket.py", text=BASKET_DISCOUNT),
                _step("run", cmd=GATE),
                _step("commit", message="Give 10 % off ten pieces or more"),
                _step("done", message="The discount has a module of its own and is taken off in Basket.total()."),
            ],
        ),
        "p1",
    ),
    DemoItem(
        "Round cash to five cents",
        _describe(
            "There are no coins of one and two cents any more: 1.02 is paid as 1.00, and 1.03 as 1.05.",
            start=[
                _step("say", text="A small one."),
                _step("run", cmd="grep -n '^def' till/money.py"),
                _step("wait", seconds=0.5),
                _step("write", path="tests/test_cash.py", text=TEST_CASH),
                _step("append", path="till/money.py", text=CASH),
                _step("wait", seconds=0.3),
                _step("say", text="One line of arithmetic: no need to run the tests."),
                _step("commit", message="Round cash to five cents"),
                _step("done", message="cash() in till/money.py."),
            ],
            rejected=[
                _step("say", text="There was a need: 1.03 became 1.00, it rounds down."),
                _step("run", cmd="python3 -B -m unittest -q tests.test_cash", ok="any"),
                _step("wait", seconds=0.5),
                _step("write", path="till/money.py", text=MONEY + CASH.replace("cents // 5", "(cents + 2) // 5")),
                _step("run", cmd=GATE),
                _step("commit", message="Round to the nearest five cents, not down"),
                _step("done", message="Rounds to the nearest now, and this time the tests ran."),
            ],
        ),
        "p2",
    ),
    DemoItem(
        "Charge the deposit on bottles",
        _describe(
            "A lemonade comes in a bottle with a deposit of 25 cents, which the customer pays with the total.",
            start=[
                _step("say", text="Bottles first, then the total."),
                _step("write", path="till/deposit.py", text=DEPOSIT),
                _step("write", path="tests/test_deposit.py", text=TEST_DEPOSIT),
                _step("wait", seconds=0.6),
                _step("write", path="till/basket.py", text=BASKET_DEPOSIT),
                _step("run", cmd=GATE),
                _step("commit", message="Charge the deposit on bottles"),
                _step("say", text="Waiting until the discount has landed: then this conflicts, which is the point."),
                _step("run", cmd=UNTIL_DISCOUNT),
                _step("done", message="Deposits have a module of their own and are added in Basket.total()."),
            ],
            rejected=[
                _step("say", text="Somebody changed the same line. What did they want?"),
                _step("run", cmd="git merge origin/main", ok="any"),
                _step("run", cmd="git --no-pager diff till/basket.py"),
                _step("wait", seconds=0.8),
                _step("write", path="till/basket.py", text=BASKET_BOTH),
                _step("write", path="tests/test_deposit.py", text=TEST_DEPOSIT + TEST_BOTH),
                _step("run", cmd=GATE),
                _step("commit", message="Merge the discount: it is for goods, not for bottles"),
                _step("done", message="Both: the discount is taken off the goods, the deposit is added in full."),
            ],
        ),
        "p2",
    ),
)
"""The first lands at once. The second fails its gate and is put right. The third conflicts with the first, by waiting
until that has landed, and is put right too."""
