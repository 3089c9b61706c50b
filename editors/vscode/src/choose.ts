/** Asking for the program, with a word at once when it is not one that fits. */

import * as vscode from "vscode";

import { candidates, firstProgram, probe, type Where } from "./program.ts";

/** A path of an rgt that fits, typed or browsed for; undefined when the person gives up. */
export async function chooseProgram(where: Where, ours: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const box = vscode.window.createInputBox();
  box.title = "The rgt program";
  box.placeholder = "Such as /home/me/rgt/.venv/bin/rgt";
  box.buttons = [{ iconPath: new vscode.ThemeIcon("folder-opened"), tooltip: "Browse…" }];
  box.ignoreFocusOut = true;

  const wrong = async (): Promise<string> => {
    const found = await firstProgram(candidates({ ...where, setting: box.value.trim() }));
    if (!box.value.trim() || !found) return "There is no program of this name.";
    const tried = await probe(found.program, ours, env);
    if (tried.kind === "broken") return `It does not run: ${tried.why}`;
    return tried.kind === "wrong" ? `It is ${tried.version}; this extension is ${ours}.` : "";
  };
  const chosen = new Promise<string | undefined>((resolve) => {
    const accept = async (): Promise<void> => {
      box.busy = true;
      box.validationMessage = await wrong();
      box.busy = false;
      if (!box.validationMessage) resolve(box.value.trim());
    };
    let browsing = false;
    box.onDidChangeValue(() => (box.validationMessage = ""));
    box.onDidAccept(accept);
    box.onDidTriggerButton(async () => {
      browsing = true;
      const [found] = (await vscode.window.showOpenDialog({ title: "The rgt program", openLabel: "Use this rgt" })) ?? [];
      browsing = false;
      box.show();
      if (!found) return;
      box.value = found.fsPath;
      await accept();
    });
    // VS Code's own dialog for files hides it for a while, that of the system does not.
    box.onDidHide(() => browsing || resolve(undefined));
    box.show();
  });
  return chosen.finally(() => box.dispose());
}
