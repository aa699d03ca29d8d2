// Prints the path of a headless Chromium that needs no root to install: the
// binary that the dev dependency @sparticuz/chromium carries, unpacked once
// into node_modules/.cache. Linux on x86-64 only; elsewhere install Chromium or
// name one with ASSAY_CHROMIUM.
//
//	ASSAY_CHROMIUM=$(node experiments/web/testdata/chromium.mjs) go test ./experiments/web
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
const dir = join(root, "node_modules", ".cache", "chromium");
const start = join(dir, "start");

if (process.platform !== "linux" || process.arch !== "x64") {
  console.error("there is a Chromium for Linux on x86-64 only: install one, or name it with ASSAY_CHROMIUM");
  process.exit(1);
}
if (!existsSync(start)) {
  mkdirSync(dir, { recursive: true });
  // The package unpacks into the temporary folder, and its shared libraries
  // (nss and others that a bare machine lacks) only where it believes to be in
  // a Lambda.
  process.env.TMPDIR = dir;
  process.env.AWS_EXECUTION_ENV ??= "AWS_Lambda_nodejs22.x";
  const { default: chromium } = await import("@sparticuz/chromium");
  const binary = await chromium.executablePath();
  const missing = execFileSync("ldd", [binary], { encoding: "utf8" }).includes("not found");
  const libraries = missing ? `LD_LIBRARY_PATH='${join(dir, "al2023", "lib")}' ` : "";
  // Without any font a page with text kills the renderer.
  const fonts = join(dir, "fonts.conf");
  writeFileSync(fonts, `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>${join(dir, "fonts", "fonts")}</dir><dir>/usr/share/fonts</dir><cachedir>${join(dir, "fontcache")}</cachedir></fontconfig>
`);
  writeFileSync(start, `#!/bin/sh\nFONTCONFIG_FILE='${fonts}' ${libraries}exec '${binary}' "$@"\n`, { mode: 0o755 });
}
console.log(start);
