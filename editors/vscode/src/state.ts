/** How things are, in one word, and how the status bar says it. */

import type { Counts, Health } from "./model.ts";

export type State =
  | "starting"
  | "untrusted"
  | "missing"
  | "broken"
  | "wrongVersion"
  | "failed"
  | "noTown"
  | "stopped"
  | "asleep"
  | "away"
  | "up";

/** The state that the server's word on the town means. */
export function stateOf(health: Health): State {
  switch (health.town) {
    case "connecting":
      return "starting";
    case "none":
      return "noTown";
    default:
      return health.town;
  }
}

export interface Bar {
  text: string;
  tooltip: string;
  warns: boolean;
  /** What a click does. */
  command: string;
}

const FOCUS = "rgt.needs.focus";

/** What the status bar shows. `message` is the server's own line, or what was found out before it was started. */
export function bar(state: State, message: string, counts: Counts): Bar {
  const plain = (icon: string, tooltip: string, command = FOCUS, warns = false): Bar => ({
    text: `$(${icon}) rgt`,
    tooltip: message ? `${tooltip}\n${message}` : tooltip,
    warns,
    command,
  });
  switch (state) {
    case "starting":
      return plain("loading~spin", "rgt: connecting");
    case "untrusted":
      return plain("workspace-untrusted", "rgt: this folder is not trusted", "workbench.trust.manage");
    case "missing":
      return plain("warning", "rgt: the program was not found", FOCUS, true);
    case "broken":
      return plain("warning", "rgt: the program does not run", FOCUS, true);
    case "wrongVersion":
      return plain("versions", "rgt: another version is needed", FOCUS, true);
    case "failed":
      return plain("error", "rgt: the language server has ended", FOCUS, true);
    case "noTown":
      return plain("circle-slash", "rgt: there is no town");
    case "stopped":
      return plain("circle-slash", "rgt: the town is stopped");
    case "asleep":
      return plain("debug-pause", "rgt: the town sleeps");
    case "away":
      return plain("sync~spin", "rgt: the town comes back", FOCUS, true);
    case "up": {
      const [needs, agents, open, queue] = ["needs", "agents", "open", "queue"].map((k) => counts[k] ?? 0);
      const texts = [`$(organization) ${agents}`, `$(git-merge) ${queue}`];
      if (needs) texts.push(`$(bell-dot) ${needs}`);
      return {
        text: texts.join("  "),
        tooltip: `rgt: ${agents} agents · ${open} open · ${queue} in the merge queue · ${needs} for you`,
        warns: false,
        command: FOCUS,
      };
    }
  }
}
