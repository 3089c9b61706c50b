/** What the server tells, as docs/lsp.md and docs/json.md have it. */

export interface Row {
  kind: string;
  id: string;
  state: string;
  title: string;
  rig: string;
  agent: string;
  item: string;
  priority: string;
  attempt: number;
  created: number;
  updated: number;
  pid: number;
  needs: string[];
  mail: number;
  alert: string;
}

export interface Need {
  id: string;
  kind: string;
  what: string;
  since: number;
  command: string;
}

export type Counts = Record<string, number>;

/** Parameters of `rgt/serverStatus`. */
export interface Health {
  health: "ok" | "warning" | "error";
  message: string;
  quiescent: boolean;
  town: "connecting" | "none" | "stopped" | "asleep" | "away" | "up";
}

/** Parameters of `rgt/townChanged`. */
export interface Changed {
  version: number;
  counts: Counts;
}

export interface Spec {
  argv: string[];
  title: string;
}

/** The answer of `rgt.server.picture`. */
export interface Picture {
  version: number;
  rows: Row[];
  needs: Need[];
  places: Record<string, number>;
}
