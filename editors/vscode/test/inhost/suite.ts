/** Runs inside the extension host of a real editor, on a folder that belongs to a running town with one agent. */

import assert from "node:assert/strict";
import * as vscode from "vscode";

const ID = "rgt.rgt";

interface Manifest {
  contributes: {
    commands: { command: string; category: string; title: string }[];
    configuration: { properties: Record<string, { default: unknown }> };
  };
}

const manifest = (): Manifest => vscode.extensions.getExtension(ID)!.packageJSON as Manifest;

/** Wait for what an event brings about: look again whenever something may have changed. */
async function until<T>(what: string, look: () => T | undefined | false | PromiseLike<T | undefined | false>): Promise<T> {
  const end = Date.now() + 30_000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const page = (uri: string): Promise<vscode.TextDocument> =>
  until(uri, () => vscode.workspace.openTextDocument(vscode.Uri.parse(uri)).then((d) => d, () => undefined));

const tests: Record<string, () => Promise<void>> = {
  async "every command of the manifest is there, under one category"() {
    await vscode.extensions.getExtension(ID)!.activate();
    const all = new Set(await vscode.commands.getCommands(true));
    for (const { command, category } of manifest().contributes.commands) {
      assert(all.has(command), command);
      assert.equal(category, "rgt", command);
    }
  },

  async "every command that the server has is there, and none is one of ours"() {
    const ours = manifest().contributes.commands.map((c) => c.command);
    const theirs = await until("rgt.server.picture", async () => {
      const found = (await vscode.commands.getCommands(true)).filter((c) => c.startsWith("rgt.server."));
      return found.includes("rgt.server.picture") && found;
    });
    assert(theirs.length > 40, `${theirs.length}`);
    assert.deepEqual(ours.filter((c) => theirs.includes(c)), []);
  },

  async "settings are those of the manifest"() {
    const settings = vscode.workspace.getConfiguration();
    for (const [name, { default: wanted }] of Object.entries(manifest().contributes.configuration.properties)) {
      assert.deepEqual(settings.inspect(name)?.defaultValue, wanted, name);
    }
  },

  async "pages come from the server, and have lenses"() {
    const town = await page("rgt:/town.md");
    await until("the town on its page", () => town.getText().includes("## Rig api") && town);
    await vscode.window.showTextDocument(town);
    const lenses = await until("a lens", async () => {
      const found = await vscode.commands.executeCommand<vscode.CodeLens[]>("vscode.executeCodeLensProvider", town.uri, 50);
      return found.some((l) => l.command?.title === "Attach") && found;
    });
    assert(lenses.some((l) => l.command?.command === "rgt.attach"));
  },

  async "an agent has one terminal, however often it is attached"() {
    const { rows } = await vscode.commands.executeCommand<{ rows: { kind: string; id: string }[] }>("rgt.server.picture", {});
    const agent = rows.find((r) => r.kind === "polecat")!.id;
    const ours = (): vscode.Terminal[] => vscode.window.terminals.filter((t) => t.name === `rgt ${agent}`);
    await vscode.commands.executeCommand("rgt.attach", { agent });
    await vscode.commands.executeCommand("rgt.attach", { agent });
    assert.equal(ours().length, 1);
    const { shellPath, shellArgs } = ours()[0]!.creationOptions as vscode.TerminalOptions;
    assert.equal(shellPath, "tmux");
    assert.deepEqual((shellArgs as string[]).at(-1)?.[0], "=");
    await vscode.commands.executeCommand("rgt.watch", { agent });
    assert.equal(vscode.window.terminals.filter((t) => t.name === `rgt ${agent} (watching)`).length, 1);
    for (const terminal of vscode.window.terminals) terminal.dispose();
    await until("the terminal is gone", () => ours().length === 0);
    await vscode.commands.executeCommand("rgt.attach", { agent });
    assert.equal(ours().length, 1);
    ours()[0]!.dispose();
  },

  async "a command that is refused says so and does not throw"() {
    await vscode.commands.executeCommand("rgt.attach", { agent: "api/nobody" });
    await vscode.commands.executeCommand("rgt.server.unsling", { id: "gt-zzzzz" });
  },

  async "hovers, symbols and completion are the server's"() {
    const { rows } = await vscode.commands.executeCommand<{ rows: { kind: string; id: string; title: string }[] }>("rgt.server.picture", {});
    const item = rows.find((r) => r.kind === "work")!;
    const text = await vscode.workspace.openTextDocument({ content: `see ${item.id}`, language: "markdown" });
    await vscode.window.showTextDocument(text);
    const at = new vscode.Position(0, 6);
    const hovers = await until("a hover", async () => {
      const found = await vscode.commands.executeCommand<vscode.Hover[]>("vscode.executeHoverProvider", text.uri, at);
      return found.length > 0 && found;
    });
    assert((hovers[0]!.contents[0] as vscode.MarkdownString).value.includes(item.title));
    const symbols = await vscode.commands.executeCommand<vscode.SymbolInformation[]>("vscode.executeWorkspaceSymbolProvider", item.id);
    assert(symbols.some((s) => s.name.includes(item.id)));
  },
};

export async function run(): Promise<void> {
  let failed = 0;
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test();
      console.log(`INHOST ok ${name}`);
    } catch (error) {
      failed++;
      console.log(`INHOST FAILED ${name}: ${(error as Error).stack ?? String(error)}`);
    }
  }
  if (failed) throw new Error(`${failed} failed`);
  console.log(`INHOST all ${Object.keys(tests).length}`);
}
