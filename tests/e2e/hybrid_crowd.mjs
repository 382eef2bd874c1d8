// Three browsers in an audience of three hundred that is moved to HLS: what they see, and what everybody got.
// BACKSTAGE_BIN=path/to/backstage BACKSTAGE_LOAD=path/to/load node tests/e2e/hybrid_crowd.mjs; both optimised.
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Stage } from "../crash/stage.mjs";
import { smallLimits } from "./hls_side.mjs";
import { until } from "./server.mjs";
import { outlook } from "./swap_watch.mjs";
import { Audience } from "./viewers.mjs";

const SCENARIO = fileURLToPath(new URL("../../loadtests/scenarios/switch_300.toml", import.meta.url));
const BROWSERS = 3;
const GAP_MS_MAX = 250;

const { settings } = await smallLimits();
const limits = Object.fromEntries(Object.entries(settings).filter(([name]) => name.includes("__MUX__")));
const stage = await Stage.open(60_000, { ...limits, BACKSTAGE__DELIVERY__WEBRTC_VIEWERS_MAX: "250" });
const audience = new Audience(stage.url);
const out = join(stage.data, "load-reports");
const seen = { gaps_ms: [], wrong: [] };
let report;
let passed = false;
try {
  const load = spawn(process.env.BACKSTAGE_LOAD, [SCENARIO, "--target", stage.url, "--out", out], { stdio: ["ignore", "ignore", "inherit"] });
  const ended = new Promise((resolve) => load.once("exit", resolve));
  try {
    for (let nth = 0; nth < BROWSERS; nth += 1) await audience.arrives();
    await audience.watch("webrtc");
    await audience.watch("hls", 150_000);
    for (const { page } of audience.viewers) {
      const { swaps, wrong } = await page.evaluate(outlook);
      seen.gaps_ms.push(...swaps.map(({ gapMs }) => Math.round(gapMs)));
      seen.wrong.push(...wrong);
    }
    passed = (await ended) === 0;
  } finally {
    if (load.exitCode === null) load.kill();
    await ended;
  }
  report = await until(async () => JSON.parse(await readFile(join(out, "switch_300.json"), "utf8")), "the report of the load", 5_000);
} finally {
  await audience.close();
  await stage.close();
}
const good = passed && seen.wrong.length === 0 && seen.gaps_ms.length >= BROWSERS && Math.max(...seen.gaps_ms) <= GAP_MS_MAX;
console.log(JSON.stringify({ browsers: seen, verdicts: report.verdicts, good }));
process.exitCode = good ? 0 : 1;
