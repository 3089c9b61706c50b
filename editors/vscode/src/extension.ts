/** What VS Code calls: everything is put together here, and nothing waits for the server. */

import * as vscode from "vscode";

import { befores } from "./changes.ts";
import { commands } from "./commands.ts";
import { Life } from "./server.ts";
import { bar } from "./state.ts";
import { Terminals } from "./terminals.ts";
import { Town } from "./town.ts";
import { trees } from "./trees.ts";

let life: Life | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel("rgt", { log: true });
  const town = new Town();
  const terminals = new Terminals(town);
  life = new Life(town, log, String((context.extension.packageJSON as { version: string }).version), context.globalState);
  context.subscriptions.push(log, life, terminals, statusBar(town), ...trees(town), befores(town), ...commands({ town, life, terminals, log }));
  void life.restart();
}

export function deactivate(): Promise<void> | undefined {
  return life?.stop();
}

function statusBar(town: Town): vscode.Disposable {
  const item = vscode.window.createStatusBarItem("town", vscode.StatusBarAlignment.Left, 10);
  item.name = "rgt town";
  const draw = (): void => {
    const { text, tooltip, warns, command } = bar(town.state, town.message, town.counts);
    item.text = text;
    item.tooltip = tooltip;
    item.command = command;
    item.backgroundColor = warns ? new vscode.ThemeColor("statusBarItem.warningBackground") : undefined;
  };
  draw();
  item.show();
  const listening = town.onDidChange(draw);
  return vscode.Disposable.from(item, listening);
}
