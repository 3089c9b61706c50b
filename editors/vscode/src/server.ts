/** The life of the server: which program, whether it fits, start, stop, and start again. */

import * as os from "node:os";
import * as vscode from "vscode";

import type { Options, Server } from "./client.ts";
import type { Health } from "./model.ts";
import { candidates, firstProgram, probe, type Where } from "./program.ts";
import { bar, type State } from "./state.ts";
import type { Town } from "./town.ts";

/** Milliseconds after which a server that does not come up, or does not go, is given up. */
const PATIENCE = 30_000;
const HANDED = "handed";

/** What one window gives to another. */
interface Handed {
  program: string;
  /** Of the town; empty for that of the environment. */
  home: string;
}

export class Life implements vscode.Disposable {
  /** The program that was found. */
  program = "";
  private server: Server | undefined;
  private running: Promise<void> = Promise.resolve();
  private startedWith = "";
  private ended = false;
  private readonly trace = vscode.window.createOutputChannel("rgt trace");
  private readonly watching: vscode.Disposable[];

  constructor(
    private readonly town: Town,
    private readonly log: vscode.LogOutputChannel,
    /** Our version. */
    readonly ours: string,
    /** What windows of this extension tell each other. */
    private readonly shared: vscode.Memento,
  ) {
    this.watching = [
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.restart()),
      vscode.workspace.onDidChangeConfiguration((e) => {
        // A window that opens is told of settings that it has already.
        if (e.affectsConfiguration("rgt") && this.told() !== this.startedWith) void this.restart();
      }),
      // Who has just installed rgt in a terminal comes back to this window.
      vscode.window.onDidChangeWindowState((e) => {
        if (e.focused && ["missing", "broken", "wrongVersion"].includes(town.state)) void this.restart();
      }),
    ];
  }

  /** Start, or end what runs and start again. */
  restart(): Promise<void> {
    this.running = this.running.then(() => this.anew()).catch((error: Error) => this.finds("failed", error.message));
    return this.running;
  }

  /** The program, once a window that has just opened has found it. */
  async found(): Promise<string> {
    await this.running;
    if (!this.program) throw new Error(bar(this.town.state, "", {}).tooltip);
    return this.program;
  }

  /** Have the window on another folder, where no setting of this one reaches, use the same program and town. */
  async hand(folder: string): Promise<void> {
    const own: Handed = { program: this.program, home: this.env().GTR_ROOT ?? "" };
    await this.shared.update(HANDED, { ...this.shared.get<Record<string, Handed>>(HANDED), [folder]: own });
  }

  private handed(): Handed | undefined {
    const [folder] = folders();
    return folder ? this.shared.get<Record<string, Handed>>(HANDED)?.[folder] : undefined;
  }

  /** The environment of everything that we start. */
  env(): Record<string, string> {
    const home = vscode.workspace.getConfiguration("rgt").get<string>("home", "") || (this.handed()?.home ?? "");
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
    this.startedWith = this.told();
    this.program = "";
    const old = this.server;
    this.server = undefined;
    this.town.connect(undefined);
    if (old) await within(old.stop(), "the server does not stop");
    if (!vscode.workspace.isTrusted) {
      this.town.is("untrusted");
      return;
    }
    this.town.is("starting");
    const looked = candidates(await this.where());
    const found = await firstProgram(looked);
    if (!found) {
      this.finds("missing", `looked for ${looked.map((c) => c.program).join(", ")}`);
      return;
    }
    const tried = await probe(found.program, this.ours, this.env());
    if (tried.kind === "wrong") {
      this.finds("wrongVersion", `${found.program} is ${tried.version}; this extension is ${this.ours}`);
      return;
    }
    if (tried.kind === "broken") {
      this.finds("broken", `${found.program} (${found.from}) does not run: ${tried.why}`);
      return;
    }
    this.log.info(`${found.program} ${tried.version}, from ${found.from}`);
    this.program = found.program;
    const { start } = (await import("./client.ts")) as { start(options: Options): Promise<Server> };
    const starting = start({
      program: found.program,
      env: this.env(),
      log: this.log,
      trace: this.trace,
      onBegin: () => this.town.forget(),
      onHealth: (health) => this.town.feels(health),
      onChanged: (changed) => this.town.hears(changed),
      onEnd: (why) => this.finds("failed", why),
      onRefused: (message) => void vscode.window.showErrorMessage(message),
    });
    this.server = await within(starting, "the server does not answer");
    this.town.connect(this.server);
    // That it answers is enough: how the town is it tells by itself, perhaps later than what it answers.
    await within(this.server.ask<Health>("status"), "the server does not answer");
  }

  /** The settings that a server is started with. */
  private told(): string {
    const settings = vscode.workspace.getConfiguration("rgt");
    return JSON.stringify(["server.path", "server.interpreter", "home"].map((key) => settings.get(key)));
  }

  private finds(state: State, message: string): void {
    this.log.warn(message);
    this.town.is(state, message);
  }

  /** Where rgt is looked for. */
  async where(): Promise<Where> {
    const settings = vscode.workspace.getConfiguration("rgt.server");
    const set = { setting: settings.get<string>("path", ""), interpreter: settings.get<string>("interpreter", "") };
    return {
      ...set,
      handed: this.handed()?.program,
      trusted: vscode.workspace.isTrusted,
      folders: folders(),
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

function folders(): string[] {
  return (vscode.workspace.workspaceFolders ?? []).filter((f) => f.uri.scheme === "file").map((f) => f.uri.fsPath);
}

/** The same promise, which fails after a while. */
function within<T>(promise: Promise<T>, why: string): Promise<T> {
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new Error(why)), PATIENCE)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
