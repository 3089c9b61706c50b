/** The town's rows as trees: pure, so that it can be tested without an editor. */

import type { Need, Row } from "./model.ts";

/** One line of a tree. `context` are words that the menus of package.json look for. */
export interface Node {
  id: string;
  label: string;
  description?: string;
  tooltip?: string;
  icon: string;
  color?: string;
  context: string[];
  /** The row or need it stands for. */
  row?: Row;
  need?: Need;
  /** A click runs this with the node. */
  command?: string;
  children?: Node[];
  open?: boolean;
}

/** States of work, those that a person can move first; `merged` and `closed` are over. */
export const STATES = [
  "blocked", "failed", "in_progress", "assigned", "queued", "submitted", "merging", "open", "merged", "closed",
] as const;
const OVER = ["merged", "closed"];
const MOST_OVER = 50;

const WORK_ICONS: Record<string, [icon: string, color?: string]> = {
  open: ["circle-large-outline"],
  queued: ["history"],
  assigned: ["account"],
  in_progress: ["play-circle", "charts.blue"],
  submitted: ["git-pull-request", "charts.purple"],
  merging: ["git-merge", "charts.purple"],
  merged: ["pass-filled", "charts.green"],
  closed: ["circle-slash", "disabledForeground"],
  blocked: ["error", "list.errorForeground"],
  failed: ["error", "list.errorForeground"],
};
const AGENT_ICONS: Record<string, [icon: string, color?: string]> = {
  working: ["play-circle", "charts.blue"],
  starting: ["loading~spin"],
  idle: ["circle-large-outline"],
  waiting: ["question", "list.warningForeground"],
  limited: ["watch", "list.warningForeground"],
  stuck: ["warning", "list.warningForeground"],
  failed: ["error", "list.errorForeground"],
  stopped: ["circle-slash", "disabledForeground"],
};
const NEED_ICONS: Record<string, string> = {
  escalation: "question",
  blocked: "error",
  parked: "git-merge",
  rig: "repo",
  refinery: "git-merge",
  mayor: "organization",
};

export function words(state: string): string {
  return state.replaceAll("_", " ");
}

/** A name that the rig of a folder may have. */
export function rigName(folder: string): string {
  const words = folder.slice(folder.lastIndexOf("/") + 1).toLowerCase();
  return words.replace(/[^a-z0-9]+/g, "-").replace(/^[^a-z]+/, "").slice(0, 32).replace(/-$/, "");
}

function short(address: string): string {
  return address.slice(address.lastIndexOf("/") + 1);
}

function agents(rows: readonly Row[]): Map<string, Row> {
  return new Map(rows.filter((r) => isAgent(r) && r.item).map((r) => [r.item, r]));
}

export function isAgent(row: Row): boolean {
  return row.kind === "polecat" || row.kind === "crew";
}

// --- needs

/** What a click on a need offers, in the words of its button. */
export function remedy(need: Need): string {
  if (need.kind === "escalation") return "Answer";
  const verb = /^rgt ([a-z]+(?: [a-z]+)?)/.exec(need.command)?.[1] ?? "";
  const known: Record<string, string> = {
    "work reopen": "Reopen",
    "mq retry": "Retry merge",
    "mq resume": "Resume the queue",
    "agents restart": "Restart",
    "crew start": "Start",
    attach: "Attach",
    "mail inbox": "Read mail",
    "budget set": "Set the budget",
    "config edit": "Edit the settings",
  };
  return known[verb] ?? known[verb.split(" ")[0] ?? ""] ?? "Open in terminal";
}

export function needsTree(needs: readonly Need[], rows: readonly Row[]): Node[] {
  const items = new Map(rows.filter((r) => r.kind === "work").map((r) => [r.id, r]));
  return needs.map((need) => {
    const row = items.get(need.id);
    const [label, description] = [need.what.replace(/^asks: /, ""), row ? row.title : need.id];
    return {
      id: `need:${need.kind}:${need.id}`,
      label,
      description,
      tooltip: `${need.id}: ${need.what}\n${remedy(need)} — ${need.command}`,
      icon: NEED_ICONS[need.kind] ?? "bell",
      color: need.kind === "blocked" ? "list.errorForeground" : "list.warningForeground",
      context: row ? ["need", "item"] : ["need"],
      need,
      ...(row ? { row } : {}),
      command: "rgt.mend",
    };
  });
}

// --- agents

export function agentsTree(rows: readonly Row[]): Node[] {
  const items = new Map(rows.filter((r) => r.kind === "work").map((r) => [r.id, r]));
  const rigs = rows.filter((r) => r.kind === "rig").map((r) => r.id).sort();
  const found = rows.filter(isAgent).sort(byId);
  const top: Node[] = rows.filter((r) => r.kind === "mayor" && r.pid).map((r) => agentNode(r, items));
  for (const rig of rigs) {
    const children = found.filter((r) => r.rig === rig).map((r) => agentNode(r, items));
    if (children.length) {
      top.push({ id: `rig:${rig}`, label: rig, description: `${children.length}`, icon: "repo", context: ["rig"], children, open: true });
    }
  }
  return top;
}

function agentNode(row: Row, items: ReadonlyMap<string, Row>): Node {
  const [icon, color] = AGENT_ICONS[row.state] ?? ["person"];
  const item = items.get(row.item);
  const lives = row.pid > 0;
  const context = ["agent", ...(lives ? ["session", "kill"] : []), "talks", ...(isAgent(row) ? ["worktree"] : [])];
  return {
    id: `agent:${row.id}`,
    label: short(row.id),
    description: [words(row.state), item?.title ?? row.title].filter(Boolean).join(" · "),
    tooltip: [`${row.id} · ${words(row.state)}`, row.item && `${row.item} ${item?.title ?? ""}`, row.mail && `${row.mail} letters wait`, row.alert]
      .filter(Boolean)
      .join("\n"),
    icon,
    ...(color ? { color } : {}),
    context,
    row,
    ...(lives ? { command: "rgt.attach" } : {}),
  };
}

// --- work

export function workTree(rows: readonly Row[]): Node[] {
  const at = agents(rows);
  const groups: Node[] = [];
  for (const state of STATES) {
    const over = OVER.includes(state);
    const all = rows.filter((r) => r.kind === "work" && r.state === state).sort(over ? byAge : byUrgency);
    if (!all.length) continue;
    groups.push({
      id: `state:${state}`,
      label: words(state)[0]!.toUpperCase() + words(state).slice(1),
      description: `${all.length}`,
      icon: "",
      context: ["state"],
      children: all.slice(0, over ? MOST_OVER : all.length).map((r) => workNode(r, at.get(r.id))),
      open: !over,
    });
  }
  return groups;
}

function workNode(row: Row, agent: Row | undefined): Node {
  const [icon, color] = WORK_ICONS[row.state] ?? ["circle-large-outline"];
  const context = ["item"];
  if (row.state === "open") context.push("sling");
  if (["queued", "assigned", "in_progress"].includes(row.state)) context.push("taken");
  if (["blocked", "failed", "closed"].includes(row.state)) context.push("reopen");
  if (row.state === "submitted" && row.alert) context.push("retry");
  if (["submitted", "merging", "blocked"].includes(row.state)) context.push("gated");
  if (agent) context.push("worked");
  return {
    id: `work:${row.id}`,
    label: row.title || row.id,
    description: [row.id, agent && short(agent.id)].filter(Boolean).join(" · "),
    tooltip: [`${row.id} ${row.title}`, `${words(row.state)}${agent ? ` · ${agent.id}` : ""} · ${row.priority}`, row.alert]
      .filter(Boolean)
      .join("\n"),
    icon: row.alert && icon !== "error" ? "warning" : icon,
    ...(row.alert && icon !== "error" ? { color: "list.warningForeground" } : color ? { color } : {}),
    context,
    row,
    command: "rgt.show",
  };
}

// --- merge queue

/** `places` are those of items in their queues, as the server has them. */
export function queueTree(rows: readonly Row[], places: Readonly<Record<string, number>>): Node[] {
  const items = new Map(rows.filter((r) => r.kind === "work").map((r) => [r.id, r]));
  const rigs = [...new Set(rows.filter((r) => r.kind === "entry").map((r) => r.rig))].sort();
  return rigs.map((rig) => {
    const refinery = rows.find((r) => r.kind === "refinery" && r.rig === rig);
    const place = (r: Row): number => places[r.item] ?? 0;
    const entries = rows.filter((r) => r.kind === "entry" && r.rig === rig).sort((a, b) => place(a) - place(b));
    return {
      id: `queue:${rig}`,
      label: rig,
      description: [`${entries.length}`, refinery?.state === "paused" ? "paused" : ""].filter(Boolean).join(" · "),
      icon: "repo",
      context: ["queue"],
      ...(refinery ? { row: refinery } : {}),
      children: entries.map((r) => entryNode(r, place(r), items.get(r.item))),
      open: true,
    };
  });
}

const ENTRY_ICONS: Record<string, [icon: string, color?: string]> = {
  testing: ["loading~spin"],
  landing: ["loading~spin"],
  parked: ["debug-pause", "list.warningForeground"],
};

function entryNode(row: Row, place: number, item: Row | undefined): Node {
  const [icon, color] = ENTRY_ICONS[row.state] ?? ["git-pull-request", "charts.purple"];
  const parked = row.state === "parked" || Boolean(item?.state === "submitted" && item.alert);
  return {
    id: `entry:${row.id}`,
    label: `${place}. ${item?.title ?? row.title}`,
    description: [words(row.state), row.item].filter(Boolean).join(" · "),
    tooltip: [`${row.item} · ${words(row.state)}`, row.title, item?.alert].filter(Boolean).join("\n"),
    icon,
    ...(color ? { color } : {}),
    context: ["item", "gated", ...(parked ? ["retry"] : [])],
    row: item ?? row,
    command: "rgt.show",
  };
}

// --- orders

function byId(a: Row, b: Row): number {
  return a.id.localeCompare(b.id);
}

function byAge(a: Row, b: Row): number {
  return b.updated - a.updated || byId(a, b);
}

function byUrgency(a: Row, b: Row): number {
  return a.priority.localeCompare(b.priority) || a.created - b.created || byId(a, b);
}
