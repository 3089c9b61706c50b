// VS Code writes all logs and output channels through a native module, which the npm package brings without its built
// part. This is as much of it as VS Code uses; without it every channel is empty.
"use strict";
const fs = require("node:fs");
const Module = require("node:module");
const path = require("node:path");

const LEVELS = ["trace", "debug", "info", "warning", "error", "critical"];

class Logger {
  constructor(file) {
    this.file = file;
    this.level = 2;
    this.plain = false;
    fs.mkdirSync(path.dirname(file), { recursive: true });
  }
  write(level, text) {
    if (level < this.level) return;
    const time = new Date().toISOString().replace("T", " ").replace("Z", "");
    fs.appendFileSync(this.file, this.plain ? text : `${time} [${LEVELS[level]}] ${text}\n`);
  }
  trace(text) { this.write(0, text); }
  debug(text) { this.write(1, text); }
  info(text) { this.write(2, text); }
  warn(text) { this.write(3, text); }
  error(text) { this.write(4, text); }
  critical(text) { this.write(5, text); }
  getLevel() { return this.level; }
  setLevel(level) { this.level = level; }
  setPattern() {}
  clearFormatters() { this.plain = true; }
  flush() {}
  drop() {}
}

const spdlog = {
  setFlushOn() {},
  createAsyncRotatingLogger: async (_name, file) => new Logger(file),
};
const load = Module._load;
Module._load = function (request, ...more) {
  return request.includes("@vscode/spdlog") ? spdlog : load.call(this, request, ...more);
};
