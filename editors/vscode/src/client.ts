/** The language client, a file of its own: it is read when there is a server to talk to. */

import * as vscode from "vscode";
import {
  type ClientCapabilities, CloseAction, type ExecuteCommandSignature, LanguageClient, ResponseError, RevealOutputChannelOn,
  State as ClientState, type StaticFeature,
} from "vscode-languageclient/node";

import type { Changed, Health } from "./model.ts";

/** Commands of ours that lenses and code actions may name. */
const COMMANDS = ["rgt.attach", "rgt.show", "rgt.sling", "rgt.answer"];
const RESTARTS = 3;
const WITHIN = 60_000;

export interface Options {
  program: string;
  env: Record<string, string>;
  log: vscode.LogOutputChannel;
  trace: vscode.OutputChannel;
  onHealth(health: Health): void;
  onChanged(changed: Changed): void;
  /** A server begins, the first or another in its place. */
  onBegin(): void;
  /** It has ended and does not come back by itself. */
  onEnd(why: string): void;
  /** A command that a lens or code action has named was refused. */
  onRefused(message: string): void;
}

export interface Server {
  ask<T>(command: string, argument?: object): Promise<T>;
  stop(): Promise<void>;
}

/** Start the server; throws when it does not come up. */
export async function start(options: Options): Promise<Server> {
  const ends: number[] = [];
  const client = new LanguageClient(
    "rgt",
    "rgt",
    { command: options.program, args: ["lsp"], options: { env: options.env } },
    {
      documentSelector: [{ scheme: "file" }, { scheme: "rgt" }, { scheme: "untitled" }],
      initializationOptions: settings(),
      outputChannel: options.log,
      traceOutputChannel: tracing(options.trace),
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      initializationFailedHandler: () => false,
      errorHandler: {
        error: (error) => {
          options.log.warn(`the wire: ${error.message}`);
          return { action: 1, handled: true };
        },
        closed: () => {
          const now = Date.now();
          ends.push(now);
          const again = ends.filter((at) => now - at < WITHIN).length <= RESTARTS;
          if (!again) options.onEnd(`it ended ${RESTARTS + 1} times within a minute`);
          return { action: again ? CloseAction.Restart : CloseAction.DoNotRestart, handled: true };
        },
      },
      middleware: {
        executeCommand: async (command: string, args: unknown[], next: ExecuteCommandSignature) => {
          try {
            return await next(command, args);
          } catch (error) {
            options.onRefused(lineOf(error));
            return undefined;
          }
        },
      },
    },
  );
  client.registerFeature(announcement());
  client.onDidChangeState((e) => {
    if (e.newState === ClientState.Starting) options.onBegin();
  });
  client.onNotification("rgt/serverStatus", options.onHealth);
  client.onNotification("rgt/townChanged", options.onChanged);
  await client.start();
  return {
    async ask<T>(command: string, argument: object = {}): Promise<T> {
      if (client.state !== ClientState.Running) throw new Error("the server of rgt is not running — “rgt: Restart Server”");
      try {
        return await client.sendRequest<T>("workspace/executeCommand", { command: `rgt.server.${command}`, arguments: [argument] });
      } catch (error) {
        throw new Error(lineOf(error));
      }
    },
    async stop(): Promise<void> {
      try {
        await client.dispose(5000);
      } catch (error) {
        // A client whose server has died rejects; there is nothing left to stop.
        options.log.info(`stopping: ${lineOf(error)}`);
      }
    },
  };
}

function settings(): object {
  const section = vscode.workspace.getConfiguration("rgt");
  return Object.fromEntries(["codeLens", "inlayHints", "approvals", "progress"].map((k) => [k, section.get(k)]));
}

/**
 * The channel as the client wants it. It traces only into one whose log level is Trace, and never takes `off` of
 * `rgt.trace.server` for an answer: here the setting alone is the level.
 */
function tracing(channel: vscode.OutputChannel): vscode.LogOutputChannel {
  const level = (): vscode.LogLevel =>
    vscode.workspace.getConfiguration("rgt").get("trace.server") === "off" ? vscode.LogLevel.Off : vscode.LogLevel.Trace;
  const own: Pick<vscode.LogOutputChannel, "logLevel" | "onDidChangeLogLevel" | "trace"> = {
    get logLevel() {
      return level();
    },
    onDidChangeLogLevel: (heard) =>
      vscode.workspace.onDidChangeConfiguration((e) => e.affectsConfiguration("rgt.trace.server") && heard(level())),
    trace: (text) => channel.appendLine(`${new Date().toISOString()} ${text}`),
  };
  return own as vscode.LogOutputChannel;
}

function announcement(): StaticFeature {
  return {
    fillClientCapabilities(capabilities: ClientCapabilities): void {
      const own = { serverStatus: true, townChanged: true, commands: COMMANDS };
      capabilities.experimental = { ...(capabilities.experimental as object | undefined), rgt: own };
      // The client would ask for the diagnostics of the whole workspace every two seconds; without these the server
      // tells them when they change.
      delete capabilities.textDocument?.diagnostic;
      delete capabilities.workspace?.diagnostics;
    },
    initialize: () => undefined,
    getState: () => ({ kind: "static" }),
    clear: () => undefined,
  };
}

function lineOf(error: unknown): string {
  if (error instanceof ResponseError || error instanceof Error) return error.message;
  return String(error);
}
