/** The life of the server: which program, whether it fits, start, stop, and start again. */

import * as os from "node:os";
import * as vscode from "vscode";

import type { Options, Server } from "./client.ts";
import { candidates, firstProgram, probe } from "./program.ts";
import type { Town } from "./town.ts";

const STARTS_ANEW = ["rgt.server", "rgt.home"];

export class Life implements vscode.Disposable {
  /** The program that was found. */
  program = "";
  private server: Server | undefined;
  private running: Promise<void> = Promise.resolve();
  private ended = false;
  private readonly trace = vscode.window.createOutputChannel("rgt trace", { log: true });
  private readonly watching: vscode.Disposable[];

  constructor(
    private readonly town: Town,
    private readonly log: vscode.LogOutputChannel,
    private readonly ours: string,
  ) {
    this.watching = [
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.restart()),
      vscode.workspace.onDidChangeConfiguration((e) => {
        if (STARTS_ANEW.some((section) => e.affectsConfiguration(section))) void this.restart();
      }),
      // Who has just installed rgt in a terminal comes back to this window.
      vscode.window.onDidChangeWindowState((e) => {
        if (e.focused && (town.state === "missing" || town.state === "wrongVersion")) void this.restart();
      }),
    ];
  }

  /** Start, or end what runs and start again. */
  restart(): Promise<void> {
    this.running = this.running.then(() => this.anew()).catch((error: Error) => this.town.is("failed", error.message));
    return this.running;
  }

  /** The environment of everything that we start. */
  env(): Record<string, string> {
    const home = vscode.workspace.getConfiguration("rgt").get<string>("home", "");
    const env = Object.fromEntries(Object.entries(process.env).filter((e): e is [string, string] => e[1] !== undefined));
    return home ? { ...env, GTR_ROOT: home.startsWith("~") ? os.homedir() + home.slice(1) : home } : env;
  }

  async stop(): Promise<void> {
    this.ended = true;
    await this.running;
    await this.server?.stop();
  }

  dispose(): void {
    for (const one of [...this.watching, this.trace]) one.dispose();
  }

  private async anew(): Promise<void> {
    if (this.ended) return;
    const old = this.server;
    this.server = undefined;
    this.town.connect(undefined);
    await old?.stop();
    if (!vscode.workspace.isTrusted) {
      this.town.is("untrusted");
      return;
    }
    this.town.is("starting");
    const looked = candidates(await this.where());
    const found = await firstProgram(looked);
    if (!found) {
      const places = [...new Set(looked.map((c) => c.from))];
      this.log.info(`no rgt in: ${looked.map((c) => c.program).join(", ")}`);
      this.town.is("missing", `looked in ${places.join(", ")}`);
      return;
    }
    const tried = await probe(found.program, this.ours, this.env());
    if (tried.kind === "wrong") {
      this.town.is("wrongVersion", `${found.program} is ${tried.version}; this extension is ${this.ours}`);
      return;
    }
    if (tried.kind === "broken") {
      this.log.warn(`${found.program}: ${tried.why}`);
      this.town.is("missing", `${found.program} (${found.from}) does not run: ${tried.why}`);
      return;
    }
    this.log.info(`${found.program} ${tried.version}, from ${found.from}`);
    this.program = found.program;
    const { start } = (await import("./client.ts")) as { start(options: Options): Promise<Server> };
    this.server = await start({
      program: found.program,
      env: this.env(),
      log: this.log,
      trace: this.trace,
      onHealth: (health) => this.town.feels(health),
      onChanged: (changed) => this.town.hears(changed),
      onEnd: (why) => this.town.is("failed", why),
      onRefused: (message) => void vscode.window.showErrorMessage(message),
    });
    this.town.connect(this.server);
    this.town.feels(await this.server.ask("status"));
  }

  private async where(): Promise<Parameters<typeof candidates>[0]> {
    const settings = vscode.workspace.getConfiguration("rgt.server");
    const set = { setting: settings.get<string>("path", ""), interpreter: settings.get<string>("interpreter", "") };
    return {
      ...set,
      trusted: vscode.workspace.isTrusted,
      folders: (vscode.workspace.workspaceFolders ?? []).filter((f) => f.uri.scheme === "file").map((f) => f.uri.fsPath),
      python: set.setting || set.interpreter ? undefined : await this.chosenPython(),
      path: this.env().PATH ?? "",
      home: os.homedir(),
    };
  }

  private async chosenPython(): Promise<string | undefined> {
    const extension = vscode.extensions.getExtension("ms-python.python");
    if (!extension) return undefined;
    try {
      const api = (await extension.activate()) as { environments?: { getActiveEnvironmentPath(): { path: string } } };
      return api.environments?.getActiveEnvironmentPath().path;
    } catch (error) {
      this.log.info(`the Python extension does not say its interpreter: ${String(error)}`);
      return undefined;
    }
  }
}
