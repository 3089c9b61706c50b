/** What an agent has changed since it left the target, in VS Code's own view of many files. */

import * as path from "node:path";
import * as vscode from "vscode";

import type { Town } from "./town.ts";

const SCHEME = "rgt-before";

interface Changes {
  agent: string;
  /** The worktree. */
  path: string;
  branch: string;
  base: string;
  files: { path: string; was: string; state: "added" | "changed" | "deleted" }[];
}

/** Show all files that an agent has changed, each beside what it was where the branch began. */
export async function diff(town: Town, agent: string): Promise<void> {
  const found = await town.ask<Changes>("changes", { id: agent });
  if (!found.files.length) {
    void vscode.window.showInformationMessage(`${agent} has changed nothing yet.`);
    return;
  }
  const resources = found.files.map(({ path: file, was, state }) => {
    const now = vscode.Uri.file(path.join(found.path, file));
    const query = new URLSearchParams({ id: agent, base: found.base, path: was }).toString();
    // The same path as now, so that only what was renamed is shown so.
    const before = vscode.Uri.file(path.join(found.path, was)).with({ scheme: SCHEME, query });
    return [now, state === "added" ? undefined : before, state === "deleted" ? undefined : now];
  });
  await vscode.commands.executeCommand("vscode.changes", `${agent} · ${found.branch}`, resources);
}

/** The text of a file where a branch began. */
export function befores(town: Town): vscode.Disposable {
  return vscode.workspace.registerTextDocumentContentProvider(SCHEME, {
    provideTextDocumentContent: async (uri) => {
      const { text } = await town.ask<{ text: string }>("before", Object.fromEntries(new URLSearchParams(uri.query)));
      return text;
    },
  });
}
