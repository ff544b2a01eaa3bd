// npm ci && npm run build: bundles the check with its library into one file, inclusion.html, that needs no server.

import { build } from "esbuild";
import { readFileSync, writeFileSync } from "node:fs";

const bundled = await build({
  entryPoints: ["page.mjs"], bundle: true, format: "iife", minify: true, write: false, target: "es2022",
  legalComments: "inline", charset: "ascii",
});
const script = bundled.outputFiles[0].text.replaceAll("</script", "<\\/script");
const page = readFileSync("page.html", "utf8");
writeFileSync("inclusion.html", page.replace("/*bundle*/", () => script));
