// A server of its own for the tests: own data folder, own port, ended together with its children.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const READY_MS = 60_000;

/** A port that was free a moment ago. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Polls until `look` gives something; the only waiting in these tests that is not the browser's own. */
export async function until(look, what, timeout_ms = 15_000) {
  const end = Date.now() + timeout_ms;
  let last;
  while (Date.now() < end) {
    try {
      const found = await look();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited ${timeout_ms} ms for ${what}${last ? `: ${last.message}` : ""}`);
}

/** Starts BACKSTAGE_BIN (with BACKSTAGE_ARGS, if any) with these settings, or uses the server at BACKSTAGE_URL. */
export async function startServer(settings = {}) {
  if (process.env.BACKSTAGE_URL) return { url: process.env.BACKSTAGE_URL, log: () => "", stop: async () => undefined };
  const bin = process.env.BACKSTAGE_BIN;
  if (!bin) throw new Error("set BACKSTAGE_BIN to the built server, or BACKSTAGE_URL to a running one");
  const port = await freePort();
  const data = await mkdtemp(join(tmpdir(), "backstage-e2e-"));
  const env = { ...process.env, PORT: String(port), BACKSTAGE_DATA: data, BACKSTAGE_ENV: "development", ...settings };
  const child = spawn(bin, (process.env.BACKSTAGE_ARGS ?? "").split(" ").filter(Boolean), { env, stdio: ["ignore", "pipe", "pipe"] });
  const lines = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (d) => lines.push(String(d)));
  const log = () => lines.join("").split("\n").slice(-60).join("\n");
  let exited = null;
  child.once("exit", (code, signal) => (exited = signal ?? code));
  const url = `http://127.0.0.1:${port}`;
  try {
    await until(
      async () => {
        if (exited !== null) throw new Error(`the server ended with ${exited}`);
        return (await fetch(`${url}/readyz`)).ok;
      },
      "the server to be ready",
      READY_MS,
    );
  } catch (error) {
    child.kill("SIGKILL");
    throw new Error(`${error.message}\n${log()}`);
  }
  const stop = async () => {
    if (exited === null) {
      child.kill("SIGTERM");
      await until(() => exited !== null, "the server to end", 20_000).catch(() => child.kill("SIGKILL"));
    }
    await rm(data, { recursive: true, force: true });
  };
  return { url, data, pid: child.pid, log, stop };
}
