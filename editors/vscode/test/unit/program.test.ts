import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { test } from "node:test";

import { candidates, firstProgram, fits, probe, type Where } from "../../src/program.ts";

const WHERE: Where = {
  setting: "", interpreter: "", trusted: true, folders: ["/src/api"], python: undefined, path: "/usr/bin:bin:/opt/bin", home: "/home/me",
};
const programs = (more: Partial<Where>): string[] => candidates({ ...WHERE, ...more }).map((c) => c.program);

test("what is set is looked at alone", () => {
  assert.deepEqual(programs({ setting: "/opt/rgt", interpreter: "/x/python" }), ["/opt/rgt"]);
  assert.deepEqual(programs({ interpreter: "/x/bin/python" }), ["/x/bin/rgt"]);
  assert.deepEqual(programs({ setting: "~/bin/rgt" }), ["/home/me/bin/rgt"]);
  assert.deepEqual(programs({ setting: "${workspaceFolder}/rgt" }), ["/src/api/rgt"]);
  assert.deepEqual(programs({ setting: "tools/rgt" }), ["/src/api/tools/rgt"]);
});

test("the workspace's own comes first, then the Python extension's, then PATH", () => {
  assert.deepEqual(programs({ python: "/py/bin/python3" }), [
    "/src/api/.venv/bin/rgt", "/src/api/venv/bin/rgt", "/py/bin/rgt", "/usr/bin/rgt", "/opt/bin/rgt",
  ]);
});

test("a window that another has opened on a worktree uses what that uses, unless something is set", () => {
  assert.equal(programs({ handed: "/old/rgt" })[0], "/old/rgt");
  assert.deepEqual(programs({ handed: "/old/rgt", setting: "/opt/rgt" }), ["/opt/rgt"]);
});

test("a folder that is not trusted names no program", () => {
  assert.deepEqual(programs({ trusted: false }), ["/usr/bin/rgt", "/opt/bin/rgt"]);
});

test("a version fits while commands are the same", () => {
  const table: [string, string, boolean][] = [
    ["0.1.0", "0.1.0", true], ["0.1.9", "0.1.0", true], ["0.2.0", "0.1.0", false], ["0.0.9", "0.1.0", false],
    ["1.4.0", "1.2.0", true], ["2.0.0", "1.2.0", false], ["0.1.0rc1", "0.1.0", true],
  ];
  for (const [theirs, ours, wanted] of table) assert.equal(fits(theirs, ours), wanted, `${theirs} for ${ours}`);
});

test("a program is asked for its version before it is started", async () => {
  const place = await mkdtemp(path.join(tmpdir(), "rgt-"));
  const made = async (name: string, text: string): Promise<string> => {
    const file = path.join(place, name);
    await writeFile(file, `#!/bin/sh\n${text}\n`);
    await chmod(file, 0o755);
    return file;
  };
  try {
    const good = await made("rgt", "echo rgt 0.1.3");
    assert.deepEqual(await probe(good, "0.1.0", process.env), { kind: "fits", version: "0.1.3" });
    assert.deepEqual(await probe(good, "0.2.0", process.env), { kind: "wrong", version: "0.1.3" });
    assert.deepEqual(await probe(await made("other", "echo hello"), "0.1.0", process.env), {
      kind: "broken", why: 'it says "hello\\n" for its version',
    });
    assert.deepEqual(await probe(await made("dead", "echo first >&2; echo no python here >&2; exit 3"), "0.1.0", process.env), {
      kind: "broken", why: "no python here",
    });
    const places = [path.join(place, "none"), path.join(place, "rgt")].map((program) => ({ program, from: "PATH" }));
    assert.equal((await firstProgram(places))?.program, good);
    assert.equal(await firstProgram(places.slice(0, 1)), undefined);
  } finally {
    await rm(place, { recursive: true });
  }
});
