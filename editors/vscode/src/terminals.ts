/** Terminals of agents: one for each, which only looks in. Closing it detaches, and the agent goes on. */

import * as vscode from "vscode";

import type { Spec } from "./model.ts";
import type { Town } from "./town.ts";

export class Terminals implements vscode.Disposable {
  private readonly ours = new Set<string>();
  // One that is chosen from VS Code's own menu stays behind a panel that is closed.
  private readonly opening = vscode.window.onDidOpenTerminal((t) => this.ours.has(key(t.creationOptions)) && t.show());

  constructor(private readonly town: Town) {}

  /** Show an agent's terminal: the one that is open already, or a new one. */
  async attach(agent: string, watch = false): Promise<void> {
    this.show(await this.agent(agent, watch));
  }

  /** Show a command line of the server in a terminal. */
  run(spec: Spec, icon: string): void {
    this.show(this.options(spec, icon));
  }

  /** A terminal more, for VS Code's own menu. */
  async profile(agent: string): Promise<vscode.TerminalProfile> {
    return new vscode.TerminalProfile(await this.agent(agent));
  }

  private async agent(agent: string, watch = false): Promise<vscode.TerminalOptions> {
    const spec = await this.town.ask<Spec>("attachSpec", { agent, read_only: watch });
    return this.options(watch ? { ...spec, title: `${spec.title} (watching)` } : spec, watch ? "eye" : "organization");
  }

  dispose(): void {
    this.opening.dispose();
  }

  private options(spec: Spec, icon: string): vscode.TerminalOptions {
    const [shellPath, ...shellArgs] = spec.argv;
    const options: vscode.TerminalOptions = {
      name: spec.title,
      ...(shellPath ? { shellPath } : {}),
      shellArgs,
      // An editor that was started inside tmux would be told not to nest.
      env: { TMUX: null },
      iconPath: new vscode.ThemeIcon(icon),
      // A window that is loaded again would show the picture of a terminal that is gone.
      isTransient: true,
    };
    this.ours.add(key(options));
    return options;
  }

  private show(options: vscode.TerminalOptions): void {
    const same = (t: vscode.Terminal): boolean => t.exitStatus === undefined && key(t.creationOptions) === key(options);
    (vscode.window.terminals.find(same) ?? vscode.window.createTerminal(options)).show();
  }
}

/** What runs in a terminal. */
function key(options: vscode.TerminalOptions | vscode.ExtensionTerminalOptions): string {
  return "shellArgs" in options ? [options.shellPath, ...(options.shellArgs ?? [])].join("\0") : "";
}
