/** The commands under "rgt". Each takes what a tree, a lens or the palette gives it, and asks for what is missing. */

import { spawn } from "node:child_process";
import * as path from "node:path";
import * as vscode from "vscode";

import { diff } from "./changes.ts";
import { chooseProgram } from "./choose.ts";
import type { Need, Row, Spec } from "./model.ts";
import { pickAgent, pickItem, pickTarget } from "./picks.ts";
import type { Life } from "./server.ts";
import { isAgent, type Node, rigName } from "./shape.ts";
import type { Terminals } from "./terminals.ts";
import type { Town } from "./town.ts";

export interface Parts {
  town: Town;
  life: Life;
  terminals: Terminals;
  log: vscode.LogOutputChannel;
}

/** What a command may be called with: nothing, a line of a tree, or the one object of a lens. */
type Given = Node | { id?: string; agent?: string; rig?: string } | undefined;

interface Created {
  id: string;
  message?: string;
}

export function commands(parts: Parts): vscode.Disposable[] {
  const { town, life, terminals, log } = parts;

  const all: Record<string, (given: Given) => unknown> = {
    "rgt.showTown": () => town.ask("show", { uri: "rgt:/town.md" }),
    "rgt.showNeeds": () => town.ask("show", { uri: "rgt:/needs.md" }),
    "rgt.showQueue": async (given) => {
      const rig = rowOf(given)?.rig ?? (await pickRig(town, "Whose merge queue?"));
      if (rig) await town.ask("show", { uri: `rgt:/mq/${rig}.md` });
    },
    "rgt.show": (given) => {
      const id = rowOf(given)?.id ?? idOf(given);
      return id && town.ask("show", { id });
    },

    "rgt.attach": async (given) => {
      const agent = await agentOf(parts, given, "Whose terminal?");
      if (agent) await terminals.attach(agent);
    },
    "rgt.watch": async (given) => {
      const agent = await agentOf(parts, given, "Whose terminal? You only watch");
      if (agent) await terminals.attach(agent, true);
    },
    "rgt.chat": async (given) => {
      const agent = await agentOf(parts, given, "Whom do you want to say something?", talks);
      const text = agent && (await vscode.window.showInputBox({ prompt: `Say to ${agent}`, placeHolder: "It hears it at the next thing it does" }));
      if (agent && text) await said(town, agent, text);
    },
    "rgt.mail": async (given) => {
      const to = await agentOf(parts, given, "To whom?", talks);
      const subject = to && (await vscode.window.showInputBox({ prompt: `Mail to ${to}: subject`, placeHolder: "May be empty" }));
      if (!to || subject === undefined) return;
      const text = await vscode.window.showInputBox({ prompt: `Mail to ${to}: text` });
      if (text) await said(town, to, text, subject);
    },
    "rgt.kill": async (given) => {
      const agent = await agentOf(parts, given, "Whose session ends?");
      if (!agent) return;
      const detail = "Its work is saved first. Another agent goes on with its item; Unsling takes that back.";
      if (await sure(`End the session of ${agent}?`, detail, "Kill")) await town.ask("agent.stop", { id: agent });
    },

    "rgt.create": async (given) => {
      const title = await vscode.window.showInputBox({ prompt: "What is to be done?", placeHolder: "Title of the work item" });
      if (!title) return;
      const rig = (isNode(given) ? given.row : given)?.rig ?? (await pickRig(town, "Which rig does it belong to?"));
      if (rig !== undefined) await created(parts, await make(town, { title, rig }));
    },
    "rgt.createHere": () => createHere(parts),
    "rgt.sling": async (given) => {
      const id = idOf(given) ?? (await pickItem(town, "Which item?", (r) => r.state === "open"));
      const target = id && (await pickTarget(town, id));
      if (id && target) await town.ask("sling", { ids: [id], target });
    },
    "rgt.unsling": async (given) => {
      const taken = (r: Row): boolean => ["queued", "assigned", "in_progress"].includes(r.state);
      const id = idOf(given) ?? (await pickItem(town, "Which item is taken back? What was done is kept", taken));
      if (id) await town.ask("unsling", { id });
    },
    "rgt.reopen": async (given) => {
      const id = idOf(given);
      if (id) await town.ask("work.reopen", { id });
    },
    "rgt.retry": async (given) => {
      const stuck = (r: Row): boolean => r.state === "blocked" || (r.state === "submitted" && r.alert !== "");
      const id = idOf(given) ?? (await pickItem(town, "Which merge is tried again?", stuck));
      if (id) await town.ask("mq.retry", { id });
    },
    "rgt.answer": async (given) => {
      const id = idOf(given) ?? (await pickItem(town, "Which question?", (r) => r.alert.startsWith("asks: ")));
      const row = id && (await town.picture()).rows.find((r) => r.kind === "work" && r.id === id);
      const message = row && (await vscode.window.showInputBox({ title: row.title, prompt: row.alert.replace(/^asks: /, "") }));
      if (id && message) await town.ask("ack", { id, message });
    },
    "rgt.mend": (given) => mend(parts, given),

    "rgt.sendSelection": () => sendSelection(parts),
    "rgt.openWorktree": async (given) => {
      const agent = await agentOf(parts, given, "Whose worktree?");
      if (!agent) return;
      const { path } = await town.ask<{ path: string }>("worktree", { id: agent });
      await life.hand(path);
      await vscode.commands.executeCommand("vscode.openFolder", vscode.Uri.file(path), { forceNewWindow: true });
    },
    "rgt.diff": async (given) => {
      const agent = await agentOf(parts, given, "Whose changes?");
      if (agent) await diff(town, agent);
    },
    "rgt.gateLog": async (given) => {
      const gated = (r: Row): boolean => ["submitted", "merging", "blocked", "merged"].includes(r.state);
      const id = idOf(given) ?? (await pickItem(town, "Whose gate?", gated));
      if (id) terminals.run(await town.ask<Spec>("gateLogSpec", { id }), "output");
    },

    "rgt.start": async () => {
      if (town.state === "asleep") await town.ask("town.up");
      else await program(parts, "Starting the town", ["start"]);
    },
    "rgt.stop": async () => {
      const agents = town.counts.agents ?? 0;
      const detail = agents ? `${agents} agents end; their work is saved first.` : "Nobody is at work.";
      if (await sure("Stop the town?", detail, "Stop")) await program(parts, "Stopping the town", ["stop"]);
    },
    "rgt.addRig": () => addRig(parts),
    "rgt.restartServer": () => life.restart(),
    "rgt.showLogs": () => log.show(),
    "rgt.chooseProgram": async () => {
      const chosen = await chooseProgram(await life.where(), life.ours, life.env());
      if (!chosen) return;
      const settings = vscode.workspace.getConfiguration("rgt.server");
      // Where it is set already, or else what is chosen would not count.
      const here = settings.inspect("path")?.workspaceValue !== undefined;
      const { Workspace, Global } = vscode.ConfigurationTarget;
      await settings.update("path", chosen, here ? Workspace : Global);
    },
  };

  const guarded = (run: (given: Given) => unknown) => async (given: Given) => {
    try {
      await run(given);
    } catch (error) {
      void vscode.window.showErrorMessage(error instanceof Error ? error.message : String(error));
    }
  };
  return [
    ...Object.entries(all).map(([id, run]) => vscode.commands.registerCommand(id, guarded(run))),
    vscode.window.registerTerminalProfileProvider("rgt.agent", {
      provideTerminalProfile: async () => {
        const agent = await pickAgent(town, "Whose terminal?", (r) => r.pid > 0);
        // No profile would be told as an error; one that says nothing is not shown.
        if (!agent) throw new Error("");
        return terminals.profile(agent);
      },
    }),
  ];
}

// --- what a command was called with

function isNode(given: Given): given is Node {
  return given !== undefined && "context" in given;
}

function rowOf(given: Given): Row | undefined {
  return isNode(given) ? given.row : undefined;
}

/** The item that is meant. */
function idOf(given: Given): string | undefined {
  if (!isNode(given)) return given?.id;
  const row = given.row;
  return row?.kind === "work" ? row.id : row?.kind === "entry" ? row.item : undefined;
}

const talks = (r: Row): boolean => isAgent(r) || r.kind === "mayor";

async function agentOf({ town }: Parts, given: Given, title: string, which = (r: Row): boolean => r.pid > 0): Promise<string | undefined> {
  if (isNode(given) && given.row) {
    const row = given.row;
    if (row.kind !== "work" && row.kind !== "entry") return row.id;
    const item = row.kind === "work" ? row.id : row.item;
    return (await town.picture()).rows.find((r) => isAgent(r) && r.item === item)?.id;
  }
  return (!isNode(given) && given?.agent) || pickAgent(town, title, (r) => talks(r) && which(r));
}

async function pickRig(town: Town, title: string): Promise<string | undefined> {
  const rigs = (await town.picture()).rows.filter((r) => r.kind === "rig").map((r) => r.id).sort();
  if (rigs.length < 2) return rigs[0] ?? "";
  return vscode.window.showQuickPick(rigs, { title });
}

// --- acting

async function sure(question: string, detail: string, button: string): Promise<boolean> {
  return (await vscode.window.showWarningMessage(question, { modal: true, detail }, button)) === button;
}

async function said(town: Town, to: string, text: string, subject = ""): Promise<void> {
  await town.ask("mail.send", { to, text, subject });
  vscode.window.setStatusBarMessage(`$(check) sent to ${to}`, 4000);
}

async function addRig(parts: Parts): Promise<void> {
  const all = vscode.workspace.workspaceFolders ?? [];
  if (!all.length) throw new Error("Open the folder of a repository first.");
  const folder = all.length > 1 ? await vscode.window.showWorkspaceFolderPick({ placeHolder: "Which folder?" }) : all[0];
  const place = folder?.uri.fsPath;
  const name = place && (await vscode.window.showInputBox({ prompt: `Name of the rig for ${place}`, value: rigName(place) }));
  if (!place || !name) return;
  if (!(await program(parts, `Adding the rig ${name}`, ["rig", "add", "--path", place, "--", name]))) return;
  const pressed = await vscode.window.showInformationMessage(`The rig ${name} belongs to the town.`, "Create Work Item");
  if (pressed) await vscode.commands.executeCommand("rgt.create", { rig: name });
}

async function make(town: Town, item: { title: string; rig: string; description?: string }): Promise<Created> {
  const { value } = await town.ask<{ value: Created }>("work.create", item);
  return value;
}

async function created({ town }: Parts, made: Created): Promise<void> {
  const pressed = await vscode.window.showInformationMessage(made.message || `${made.id} is created.`, "Sling", "Show");
  if (pressed === "Sling") await vscode.commands.executeCommand("rgt.sling", { id: made.id });
  if (pressed === "Show") await town.ask("show", { id: made.id });
}

const TODO = /\b(TODO|FIXME|XXX|HACK)\b/;

async function createHere(parts: Parts): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (!editor) return void (await vscode.commands.executeCommand("rgt.create"));
  const { document, selection } = editor;
  const line = selection.active.line;
  if (selection.isEmpty && TODO.test(document.lineAt(line).text)) {
    return created(parts, await parts.town.ask<Created>("todo", { uri: document.uri.toString(), line }));
  }
  const { place, code } = quoted(editor);
  const title = await vscode.window.showInputBox({
    prompt: `What is to be done at ${place}?`,
    value: selection.isEmpty ? "" : document.getText(selection).trim().split("\n")[0]!.slice(0, 120),
  });
  if (!title) return;
  const rig = await pickRig(parts.town, "Which rig does it belong to?");
  if (rig !== undefined) await created(parts, await make(parts.town, { title, rig, description: `At ${place}\n\n${code}\n` }));
}

/** The selection, or the line of the cursor, as an agent can find it: its place, and its text as a block. */
function quoted({ document, selection }: vscode.TextEditor): { place: string; code: string } {
  const lines = selection.isEmpty ? document.lineAt(selection.active.line).range : selection;
  // A selection that ends before the first character of a line does not mean that line.
  const last = lines.end.character === 0 && lines.end.line > lines.start.line ? lines.end.line - 1 : lines.end.line;
  const [from, to] = [lines.start.line + 1, last + 1];
  const file = vscode.workspace.asRelativePath(document.uri, false);
  const text = document.getText(lines).replace(/\n$/, "");
  const fence = text.includes("```") ? "````" : "```";
  return {
    place: from === to ? `${file}:${from}` : `${file}:${from}-${to}`,
    code: `${fence}${document.languageId}\n${text}\n${fence}`,
  };
}

async function sendSelection(parts: Parts): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (!editor) return;
  const { place, code } = quoted(editor);
  const agent = await pickAgent(parts.town, `Who is to see ${place}?`, talks);
  const note = agent && (await vscode.window.showInputBox({ prompt: `Say to ${agent} about ${place}`, placeHolder: "May be empty" }));
  if (agent && note !== undefined) await said(parts.town, agent, [note, place, "", code].join("\n").trimStart());
}

/** Commands of needs that nothing must be filled in for, with the operation that each is. */
const AT_ONCE: Record<string, string> = {
  "mq resume": "mq.resume",
  "agents restart": "agent.restart",
  "crew start": "agent.start",
};

/** Do what answers a need; where something must be decided or filled in, ask. */
async function mend({ town, terminals, life }: Parts, given: Given): Promise<void> {
  const need = isNode(given) ? given.need : undefined;
  if (!need) return;
  const [, group = "", verb = "", id = need.id] = need.command.split(" ");
  const operation = AT_ONCE[`${group} ${verb}`];
  if (operation) {
    await town.ask(operation, { id });
  } else if (group === "escalate") {
    await vscode.commands.executeCommand("rgt.answer", { id: need.id });
  } else if (group === "attach") {
    await terminals.attach(verb);
  } else if (need.kind === "blocked" || need.kind === "parked") {
    await goOn(town, need);
  } else {
    // The command stands in a terminal, to be filled in, ready for Enter.
    const env = life.env();
    env.PATH = [path.dirname(await life.found()), env.PATH ?? ""].join(path.delimiter);
    const terminal = vscode.window.createTerminal({ name: "rgt", env });
    terminal.show();
    terminal.sendText(need.command, false);
  }
}

/** An item that goes no further: opened again for another attempt, or the same merge tried again. */
async function goOn(town: Town, { id, kind, what }: Need): Promise<void> {
  const buttons = kind === "blocked" ? ["Reopen", "Retry merge", "Show"] : ["Retry merge", "Show"];
  const pressed = await vscode.window.showWarningMessage(`${id}: ${what}`, ...buttons);
  if (pressed === "Reopen") await town.ask("work.reopen", { id });
  if (pressed === "Retry merge") await town.ask("mq.retry", { id });
  if (pressed === "Show") await town.ask("show", { id });
}

/**
 * Run `rgt …` to its end, with progress; gives whether it has done it. What it says goes to the log; the last line of an
 * error to the person.
 */
async function program({ life, log }: Parts, title: string, argv: string[]): Promise<boolean> {
  const file = await life.found();
  const said = await vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title }, () =>
    new Promise<string>((resolve) => {
      const child = spawn(file, argv, { env: life.env(), stdio: ["ignore", "pipe", "pipe"] });
      let last = "";
      const take = (text: Buffer): void => {
        for (const line of text.toString().split("\n").filter(Boolean)) log.info(`rgt ${argv[0]}: ${(last = line)}`);
      };
      child.stdout.on("data", take);
      child.stderr.on("data", take);
      child.on("error", (error) => resolve(error.message));
      child.on("close", (code) => resolve(code === 0 ? "" : last || `rgt ${argv[0]} ended with ${code}`));
    }),
  );
  if (said && (await vscode.window.showErrorMessage(said, "Show Logs"))) log.show();
  return !said;
}
