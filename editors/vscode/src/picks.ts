/** Choosing an agent, an item or a target from the town as it is. */

import * as vscode from "vscode";

import type { Row } from "./model.ts";
import { isAgent, words } from "./shape.ts";
import type { Town } from "./town.ts";

async function pick(rows: Row[], title: string, none: string, describe: (row: Row) => vscode.QuickPickItem): Promise<string | undefined> {
  if (!rows.length) {
    void vscode.window.showInformationMessage(none);
    return undefined;
  }
  const items = rows.map((row) => ({ ...describe(row), id: row.id }));
  const chosen = await vscode.window.showQuickPick(items, { title, matchOnDescription: true, matchOnDetail: true });
  return chosen?.id;
}

export async function pickAgent(town: Town, title: string, which: (row: Row) => boolean): Promise<string | undefined> {
  const { rows } = await town.picture();
  const titles = new Map(rows.filter((r) => r.kind === "work").map((r) => [r.id, r.title]));
  const found = rows.filter((r) => (isAgent(r) || r.kind === "mayor") && which(r)).sort((a, b) => a.id.localeCompare(b.id));
  return pick(found, title, "No agent has a session now.", (r) => ({
    label: `$(${r.kind === "mayor" ? "organization" : "person"}) ${r.id}`,
    description: words(r.state),
    detail: r.item ? `${r.item} ${titles.get(r.item) ?? ""}` : "",
  }));
}

export async function pickItem(town: Town, title: string, which: (row: Row) => boolean): Promise<string | undefined> {
  const found = (await town.picture()).rows.filter((r) => r.kind === "work" && which(r)).sort((a, b) => b.updated - a.updated);
  return pick(found, title, "There is no such item now.", (r) => ({
    label: r.title || r.id,
    description: [r.id, words(r.state), r.rig].filter(Boolean).join(" · "),
    detail: r.alert,
  }));
}

/** Where an item goes: its own rig first, other rigs, then crew and the mayor. */
export async function pickTarget(town: Town, id: string): Promise<string | undefined> {
  const { rows } = await town.picture();
  const own = rows.find((r) => r.kind === "work" && r.id === id)?.rig;
  const rigs = rows.filter((r) => r.kind === "rig").sort((a, b) => Number(b.id === own) - Number(a.id === own) || a.id.localeCompare(b.id));
  const crew = rows.filter((r) => r.kind === "crew").sort((a, b) => a.id.localeCompare(b.id));
  return pick([...rigs, ...crew], `Sling ${id} to …`, "No repository belongs to the town yet.", (r) => ({
    label: `$(${r.kind === "rig" ? "repo" : "person"}) ${r.id}`,
    description: r.kind === "rig" ? (r.id === own ? "its rig: a fresh agent" : "a fresh agent") : words(r.state),
  }));
}
