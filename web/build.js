// Bundles the pages into dist/, which the plugin's build embeds.
import { cp, mkdir, readdir, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL(".", import.meta.url));
const dist = `${root}dist`;
await mkdir(dist, { recursive: true });
for (const file of await readdir(dist)) {
  if (file !== ".gitignore") await rm(`${dist}/${file}`, { recursive: true });
}
await build({
  absWorkingDir: root,
  entryPoints: ["src/watch.js", "src/publish.js", "src/style.css"],
  outdir: dist,
  bundle: true,
  format: "esm",
  minify: true,
  legalComments: "none",
  target: ["chrome120", "safari17", "firefox128"],
  logLevel: "warning",
});
for (const page of ["index.html", "publish.html", "icon.svg"]) {
  await cp(`${root}src/${page}`, `${dist}/${page}`);
}
