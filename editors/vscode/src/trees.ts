/** The four trees of the activity bar. They ask for rows when they are looked at, and not before. */

import * as vscode from "vscode";

import type { Picture } from "./model.ts";
import { agentsTree, needsTree, type Node, queueTree, workTree } from "./shape.ts";
import type { Town } from "./town.ts";

const TREES: Record<string, (picture: Picture) => Node[]> = {
  "rgt.needs": (p) => needsTree(p.needs, p.rows),
  "rgt.agents": (p) => agentsTree(p.rows),
  "rgt.work": (p) => workTree(p.rows),
  "rgt.queue": (p) => queueTree(p.rows, p.places),
};

class Tree implements vscode.TreeDataProvider<Node> {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.changed.event;
  /** What was shown last, as text. */
  private shown = "";
  private nodes: Node[] = [];

  constructor(
    private readonly town: Town,
    private readonly make: (picture: Picture) => Node[],
  ) {}

  /** Draw again, if there is something new to draw. */
  async look(): Promise<void> {
    const nodes = this.make(await this.town.picture());
    const text = JSON.stringify(nodes);
    if (text === this.shown) return;
    this.shown = text;
    this.nodes = nodes;
    this.changed.fire();
  }

  async getChildren(of?: Node): Promise<Node[]> {
    if (of) return of.children ?? [];
    await this.look();
    return this.nodes;
  }

  getTreeItem(node: Node): vscode.TreeItem {
    const { None, Collapsed, Expanded } = vscode.TreeItemCollapsibleState;
    const item = new vscode.TreeItem(node.label, node.children ? (node.open ? Expanded : Collapsed) : None);
    item.id = node.id;
    if (node.description) item.description = node.description;
    if (node.tooltip) item.tooltip = node.tooltip;
    if (node.icon) item.iconPath = new vscode.ThemeIcon(node.icon, node.color ? new vscode.ThemeColor(node.color) : undefined);
    item.contextValue = node.context.join(" ");
    if (node.command) item.command = { command: node.command, title: "Show", arguments: [node] };
    return item;
  }
}

export function trees(town: Town): vscode.Disposable[] {
  const made = Object.entries(TREES).map(([id, make]) => {
    const tree = new Tree(town, make);
    const view = vscode.window.createTreeView(id, { treeDataProvider: tree, showCollapseAll: id === "rgt.work" });
    return { id, tree, view };
  });
  const draw = (): void => {
    for (const { id, tree, view } of made) {
      if (id === "rgt.needs") {
        const count = town.state === "up" ? (town.counts.needs ?? 0) : 0;
        view.badge = count ? { value: count, tooltip: `${count} for you` } : undefined;
        view.message = town.state === "away" ? town.message : "";
      }
      if (view.visible) void tree.look();
    }
  };
  return [
    town.onDidChange(draw),
    ...made.map(({ view, tree }) => view.onDidChangeVisibility((e) => e.visible && void tree.look())),
    ...made.map(({ view }) => view),
  ];
}
