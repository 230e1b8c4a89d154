// Builds GraphiQL and its workers from their npm packages into the assets that the gateway serves: nothing is loaded from elsewhere.
import { cp, rm } from "node:fs/promises";
import { build } from "esbuild";

const outdir = "../gateway/assets";
const WORKERS = {
  "editor.worker": "monaco-editor/esm/vs/editor/editor.worker.js",
  "json.worker": "monaco-editor/esm/vs/language/json/json.worker.js",
  "graphql.worker": "monaco-graphql/esm/graphql.worker.js",
};

await rm(outdir, { recursive: true, force: true });
await build({
  entryPoints: { explorer: "explorer.jsx", ...WORKERS },
  outdir,
  bundle: true,
  minify: true,
  format: "iife",
  jsx: "automatic",
  target: "es2022",
  legalComments: "linked", // the licences of what is bundled go with it
  loader: { ".ttf": "file" },
  publicPath: "/assets",
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "warning",
});
await cp("index.html", `${outdir}/index.html`);
