// Two files: `extension.js` is read when a window opens and is small; `client.js` has the language client and is read
// when the server is started.
import { build } from "esbuild";

const apart = {
  name: "client apart",
  setup(on) {
    on.onResolve({ filter: /^\.\/client\.ts$/ }, () => ({ path: "./client.js", external: true }));
  },
};
const common = {
  bundle: true, platform: "node", format: "cjs", target: "node20", minify: true, logLevel: "warning", external: ["vscode"],
};
await build({ ...common, entryPoints: ["src/extension.ts"], outfile: "dist/extension.js", plugins: [apart] });
await build({ ...common, entryPoints: ["src/client.ts"], outfile: "dist/client.js" });
// What the tests run inside the editor; it is in no package.
await build({ ...common, minify: false, entryPoints: ["test/inhost/suite.ts"], outfile: "dist/test/suite.js" });
