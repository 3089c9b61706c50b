/** The town as this window knows it: how the server is, what it last said, and the rows once somebody looks. */

import * as vscode from "vscode";

import type { Server } from "./client.ts";
import type { Changed, Counts, Health, Picture } from "./model.ts";
import { bar, type State, stateOf } from "./state.ts";

const NOTHING: Picture = { version: -1, rows: [], needs: [], places: {} };

export class Town {
  private readonly changed = new vscode.EventEmitter<void>();
  /** Something is different: state, counts or rows. */
  readonly onDidChange = this.changed.event;
  state: State = "starting";
  message = "";
  counts: Counts = {};
  private server: Server | undefined;
  private version = -1;
  private last: Picture = NOTHING;
  private asked: Promise<Picture> | undefined;

  /** Ask the server, once it is there when the window has just opened; the error of a refusal is one line for people. */
  async ask<T>(command: string, argument: object = {}): Promise<T> {
    await this.started();
    if (!this.server) throw new Error(bar(this.state, "", this.counts).tooltip);
    return this.server.ask<T>(command, argument);
  }

  /** Wait until something is known of the town. */
  private async started(): Promise<void> {
    if (this.state !== "starting") return;
    await new Promise<void>((done) => {
      const heard = this.onDidChange(() => {
        if (this.state === "starting") return;
        heard.dispose();
        done();
      });
    });
  }

  connect(server: Server | undefined): void {
    this.server = server;
    this.forget();
    this.changed.fire();
  }

  /** Another server counts its versions anew. */
  forget(): void {
    this.asked = undefined;
    this.version = -1;
    this.last = { ...this.last, version: -1 };
  }

  is(state: State, message = ""): void {
    if (state === this.state && message === this.message) return;
    this.state = state;
    this.message = message;
    void vscode.commands.executeCommand("setContext", "rgt.state", state);
    this.changed.fire();
  }

  feels(health: Health): void {
    this.is(stateOf(health), health.message);
  }

  hears(changed: Changed): void {
    this.version = changed.version;
    this.counts = changed.counts;
    void vscode.commands.executeCommand("setContext", "rgt.rigs", (changed.counts.rigs ?? 0) > 0);
    void vscode.commands.executeCommand("setContext", "rgt.items", (changed.counts.open ?? 0) > 0);
    this.changed.fire();
  }

  /** All rows as they are now; asked for once per change, however many look. What was seen last while it is away. */
  async picture(): Promise<Picture> {
    await this.started();
    if (this.state === "away") return this.last;
    if (this.state !== "up") return NOTHING;
    // What was asked for before the last change is of no use to those who have heard of it.
    for (let times = 0; times < 3 && (this.version < 0 || this.last.version !== this.version); times++) {
      this.asked ??= this.ask<Picture>("picture").finally(() => (this.asked = undefined));
      try {
        this.last = await this.asked;
      } catch {
        // The state says what is wrong.
        break;
      }
      if (this.version < 0 || this.last.version > this.version) break;
    }
    return this.last;
  }
}
