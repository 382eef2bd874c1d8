// A bounded load on loopback by wrk, and what the server's process pays for it.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const CLOCK_TICKS_PER_S = 100;

/** CPU seconds (user and system) that a process has used. */
export async function cpuSeconds(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_S;
}

/**
 * Posts `{}` (or only gets) for `seconds` over `connections` kept-alive connections; every answer must be 200.
 * Gives the process's CPU seconds per 10,000 requests, with the server saturated.
 */
export async function cpuPer10000({ pid, url, headers = {}, method = "POST", seconds, connections }) {
  const folder = await mkdtemp(join(tmpdir(), "backstage-load-"));
  const script = join(folder, "post.lua");
  const lines = Object.entries({ "content-type": "application/json", ...headers }).map(
    ([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`,
  );
  await writeFile(script, [`wrk.method = "${method}"`, method === "POST" ? 'wrk.body = "{}"' : "", ...lines].join("\n"));
  const before = await cpuSeconds(pid);
  const args = ["-t1", `-c${connections}`, `-d${seconds}s`, "-s", script, url];
  const { stdout } = await promisify(execFile)("wrk", args).catch((error) => {
    throw new Error(error.code === "ENOENT" ? "wrk is missing: apt-get install wrk" : error.message);
  });
  const spent = (await cpuSeconds(pid)) - before;
  await rm(folder, { recursive: true });
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`not every answer was 200:\n${stdout}`);
  return (spent / Number(/(\d+) requests in/.exec(stdout)[1])) * 10_000;
}

export const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
