import assert from "node:assert/strict";
import { test } from "node:test";

import type { Need, Row } from "../../src/model.ts";
import { agentsTree, needsTree, type Node, queueTree, remedy, rigName, workTree } from "../../src/shape.ts";
import { bar, type State, stateOf } from "../../src/state.ts";

const EMPTY: Row = {
  kind: "", id: "", state: "", title: "", rig: "", agent: "", item: "", priority: "p2", attempt: 0, created: 0, updated: 0, pid: 0,
  needs: [], mail: 0, alert: "",
};
const row = (kind: string, id: string, more: Partial<Row> = {}): Row => ({ ...EMPTY, kind, id, ...more });
const lines = (nodes: Node[], depth = 0): string[] =>
  nodes.flatMap((n) => [`${"  ".repeat(depth)}${n.label} | ${n.description ?? ""}`, ...lines(n.children ?? [], depth + 1)]);
const all = (nodes: Node[]): Node[] => nodes.flatMap((n) => [n, ...all(n.children ?? [])]);

const ROWS: Row[] = [
  row("rig", "web"),
  row("rig", "api"),
  row("refinery", "api/refinery", { rig: "api", state: "paused" }),
  row("mayor", "mayor", { state: "idle" }),
  row("polecat", "api/nux", { rig: "api", state: "working", item: "gt-aaaaa", pid: 7 }),
  row("crew", "api/ann", { rig: "api", state: "stopped" }),
  row("work", "gt-aaaaa", { title: "Say hello", state: "in_progress", rig: "api" }),
  row("work", "gt-bbbbb", { title: "Later", state: "open", priority: "p3" }),
  row("work", "gt-ccccc", { title: "First", state: "open", priority: "p0" }),
  row("work", "gt-ddddd", { title: "Stuck", state: "submitted", rig: "api", alert: "gate test: not found" }),
  row("work", "gt-eeeee", { title: "Old", state: "merged", updated: 1 }),
  row("work", "gt-fffff", { title: "New", state: "merged", updated: 2 }),
  row("entry", "gt-ddddd.1", { item: "gt-ddddd", rig: "api", state: "queued" }),
  row("entry", "gt-ggggg.1", { item: "gt-ggggg", title: "By hand", rig: "api", state: "testing" }),
];

test("agents stand under their rigs, and rigs without any are left out", () => {
  assert.deepEqual(lines(agentsTree(ROWS)), ["api | 2", "  ann | stopped", "  nux | working · Say hello"]);
});

test("what has no process has no terminal", () => {
  const contexts = Object.fromEntries(all(agentsTree(ROWS)).map((n) => [n.label, n.context]));
  assert.deepEqual(contexts.nux, ["agent", "session", "kill", "talks", "worktree"]);
  assert.deepEqual(contexts.ann, ["agent", "talks", "worktree"]);
});

test("work is grouped by state, urgent first, and what is over is folded, newest first", () => {
  const tree = workTree(ROWS);
  assert.deepEqual(lines(tree), [
    "In progress | 1", "  Say hello | gt-aaaaa · nux", "Submitted | 1", "  Stuck | gt-ddddd", "Open | 2", "  First | gt-ccccc",
    "  Later | gt-bbbbb", "Merged | 2", "  New | gt-fffff", "  Old | gt-eeeee",
  ]);
  assert.deepEqual(tree.map((n) => n.open), [true, true, true, false]);
});

test("what can be done with an item follows from its state", () => {
  const contexts = Object.fromEntries(all(workTree(ROWS)).filter((n) => n.row).map((n) => [n.label, n.context]));
  assert.deepEqual(contexts["Say hello"], ["item", "taken", "worked"]);
  assert.deepEqual(contexts.Stuck, ["item", "retry", "gated"]);
  assert.deepEqual(contexts.First, ["item", "sling"]);
  assert.deepEqual(contexts.New, ["item"]);
});

test("a merge queue is in the server's order", () => {
  assert.deepEqual(lines(queueTree(ROWS, { "gt-ggggg": 1, "gt-ddddd": 2 })), [
    "api | 2 · paused", "  1. By hand | testing · gt-ggggg", "  2. Stuck | queued · gt-ddddd",
  ]);
});

test("every need has a button that says what it does", () => {
  const need = (kind: string, command: string): Need => ({ id: "gt-ddddd", kind, what: "asks: this way?", since: 0, command });
  const table: [Need, string][] = [
    [need("escalation", "rgt escalate gt-ddddd --ack ANSWER"), "Answer"],
    [need("blocked", "rgt work reopen gt-ddddd"), "Reopen"],
    [need("parked", "rgt mq retry gt-ddddd"), "Retry merge"],
    [need("refinery", "rgt mq resume api"), "Resume the queue"],
    [need("polecat", "rgt attach api/nux"), "Attach"],
    [need("rig", "rgt rig set api no_gates true"), "Open in terminal"],
  ];
  for (const [one, wanted] of table) assert.equal(remedy(one), wanted);
  assert.deepEqual(lines(needsTree([table[0]![0]], ROWS)), ["this way? | Stuck"]);
});

test("no two lines of a tree have one id", () => {
  for (const tree of [agentsTree(ROWS), workTree(ROWS), queueTree(ROWS, {})]) {
    const ids = all(tree).map((n) => n.id);
    assert.equal(new Set(ids).size, ids.length);
  }
});

test("each state has its own word in the status bar", () => {
  const states: State[] = ["starting", "untrusted", "missing", "broken", "wrongVersion", "failed", "noTown", "stopped", "asleep", "away", "up"];
  const bars = states.map((s) => bar(s, "said", { agents: 2, queue: 1, needs: 3, open: 4 }));
  assert.equal(new Set(bars.map((b) => b.tooltip.split("\n")[0])).size, states.length);
  assert.equal(bars.at(-1)?.text, "$(organization) 2  $(git-merge) 1  $(bell-dot) 3");
  assert.equal(bar("up", "", { agents: 0 }).text, "$(organization) 0  $(git-merge) 0");
});

test("the server's word becomes a state", () => {
  const health = { health: "ok", message: "", quiescent: true } as const;
  assert.deepEqual((["connecting", "none", "stopped", "up"] as const).map((town) => stateOf({ ...health, town })), [
    "starting", "noTown", "stopped", "up",
  ]);
});

test("a folder's rig is called after it, in a name that a rig may have", () => {
  const table: [string, string][] = [
    ["/src/api", "api"], ["/src/My Shop_2", "my-shop-2"], ["/src/.dotfiles", "dotfiles"], ["/src/2048", ""],
    [`/src/${"long-".repeat(10)}`, "long-long-long-long-long-long-lo"], ["/src/über!", "ber"],
  ];
  for (const [folder, name] of table) assert.equal(rigName(folder), name, folder);
});
