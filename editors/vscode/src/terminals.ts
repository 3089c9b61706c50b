/** Terminals of agents: one for each, which only looks in. Closing it detaches, and the agent goes on. */

import * as vscode from "vscode";

import type { Spec } from "./model.ts";
import type { Town } from "./town.ts";

export class Terminals implements vscode.Disposable {
  private readonly open = new Map<string, vscode.Terminal>();
  private readonly closing = vscode.window.onDidCloseTerminal((closed) => {
    for (const [key, terminal] of this.open) if (terminal === closed) this.open.delete(key);
  });

  constructor(private readonly town: Town) {}

  /** Show an agent's terminal: the one that is open already, or a new one. */
  async attach(agent: string, watch = false): Promise<void> {
    this.show(await this.agent(agent, watch));
  }

  /** Show a command line of the server in a terminal. */
  run(spec: Spec, icon: string): void {
    this.show(this.options(spec, icon));
  }

  async agent(agent: string, watch = false): Promise<vscode.TerminalOptions> {
    const spec = await this.town.ask<Spec>("attachSpec", { agent, read_only: watch });
    return this.options(watch ? { ...spec, title: `${spec.title} (watching)` } : spec, watch ? "eye" : "organization");
  }

  dispose(): void {
    this.closing.dispose();
  }

  private options(spec: Spec, icon: string): vscode.TerminalOptions {
    const [shellPath, ...shellArgs] = spec.argv;
    return {
      name: spec.title,
      ...(shellPath ? { shellPath } : {}),
      shellArgs,
      // An editor that was started inside tmux would be told not to nest.
      env: { TMUX: null },
      iconPath: new vscode.ThemeIcon(icon),
      // A window that is loaded again would show the picture of a terminal that is gone.
      isTransient: true,
    };
  }

  private show(options: vscode.TerminalOptions): void {
    const key = [options.shellPath, ...(options.shellArgs ?? [])].join("\0");
    const known = this.open.get(key);
    if (known && known.exitStatus === undefined) {
      known.show();
      return;
    }
    const made = vscode.window.createTerminal(options);
    this.open.set(key, made);
    made.show();
  }
}
