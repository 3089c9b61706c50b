/** Which `rgt` there is, and whether it fits. */

import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import * as path from "node:path";

export interface Where {
  /** `rgt.server.path`, as a person has written it. */
  setting: string;
  /** `rgt.server.interpreter`. */
  interpreter: string;
  /** The program of the window that has opened this one on a worktree. */
  handed?: string | undefined;
  trusted: boolean;
  folders: readonly string[];
  /** The interpreter that the Python extension has chosen. */
  python?: string | undefined;
  /** `PATH`. */
  path: string;
  home: string;
}

export interface Candidate {
  program: string;
  /** Where it was looked for, for people. */
  from: string;
}

const VENVS = [".venv", "venv"];
const BIN = process.platform === "win32" ? "Scripts" : "bin";
const NAME = process.platform === "win32" ? "rgt.exe" : "rgt";

/**
 * Where to look, in this order. What a person has set is looked at alone: if it is not there, another one
 * would be a surprise.
 */
export function candidates(where: Where): Candidate[] {
  if (where.setting) return [{ program: expanded(where.setting, where), from: "the setting rgt.server.path" }];
  if (where.interpreter) {
    return [{ program: beside(expanded(where.interpreter, where)), from: "the setting rgt.server.interpreter" }];
  }
  const found: Candidate[] = where.handed ? [{ program: where.handed, from: "the window that has opened this one" }] : [];
  if (where.trusted) {
    for (const folder of where.folders) {
      for (const venv of VENVS) found.push({ program: path.join(folder, venv, BIN, NAME), from: `${venv} of the workspace` });
    }
  }
  if (where.python) found.push({ program: beside(where.python), from: "the Python extension's interpreter" });
  for (const folder of where.path.split(path.delimiter)) {
    if (path.isAbsolute(folder)) found.push({ program: path.join(folder, NAME), from: "PATH" });
  }
  return found;
}

function beside(interpreter: string): string {
  return path.join(path.dirname(interpreter), NAME);
}

function expanded(given: string, where: Where): string {
  const folder = where.folders[0] ?? where.home;
  const text = given.replaceAll("${workspaceFolder}", folder).replaceAll("${userHome}", where.home);
  return text === "~" || text.startsWith("~/") ? path.join(where.home, text.slice(1)) : path.resolve(folder, text);
}

/** The first candidate that is a program. */
export async function firstProgram(from: readonly Candidate[]): Promise<Candidate | undefined> {
  for (const candidate of from) {
    try {
      await access(candidate.program, constants.X_OK);
      return candidate;
    } catch {
      // The next one.
    }
  }
  return undefined;
}

export type Probe = { kind: "fits"; version: string } | { kind: "wrong"; version: string } | { kind: "broken"; why: string };

/** Ask a program for its version; nothing else is started before this has answered. */
export async function probe(program: string, ours: string, env: NodeJS.ProcessEnv): Promise<Probe> {
  const [out, failed] = await new Promise<[string, string]>((resolve) => {
    execFile(program, ["--version"], { timeout: 20_000, env }, (error, stdout, stderr) =>
      resolve([stdout, error ? stderr.trim().split("\n").at(-1) || error.message : ""]),
    ).stdin?.end();
  });
  const version = /^rgt (\d+\.\d+\.\d+\S*)\s*$/.exec(out)?.[1];
  if (!version) return { kind: "broken", why: failed || `it says ${JSON.stringify(out.slice(0, 60))} for its version` };
  return { kind: fits(version, ours) ? "fits" : "wrong", version };
}

/** Whether a server of this version is one that we can talk to: before 1.0 a minor version may change commands. */
export function fits(version: string, ours: string): boolean {
  const [major, minor] = version.split(".");
  const [ourMajor, ourMinor] = ours.split(".");
  return major === ourMajor && (major !== "0" || minor === ourMinor);
}
