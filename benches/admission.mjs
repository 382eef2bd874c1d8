// bin/bench admission: server CPU per full admission (session, access check, token), against a Node server that only
// mints the token, in the same run. `healthz` is what the same server pays for an answer of a few bytes: sockets and HTTP
// alone. Prints one JSON line.
import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startServer, until } from "../tests/e2e/server.mjs";
import { cpuPer10000, median } from "./load.mjs";

const SECONDS = 2;
const ROUNDS = 5;
const CONNECTIONS = 64;
const peerFolder = fileURLToPath(new URL("peer", import.meta.url));

class Visitor {
  constructor(url) {
    Object.assign(this, { url, jar: new Map() });
  }

  headers(extra = {}) {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join("; ");
    return { cookie, origin: this.url, ...extra };
  }

  async ask(path, options = {}) {
    const answer = await fetch(this.url + path, { redirect: "manual", ...options, headers: this.headers(options.headers) });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      this.jar.set(name, value);
    }
    return answer;
  }

  async page(path) {
    const text = await (await this.ask(path)).text();
    this.csrf = /name="csrf-token" content="([^"]*)"/.exec(text)?.[1];
    this.experience = /data-experience-id="([^"]*)"/.exec(text)?.[1] ?? this.experience;
    return text;
  }

  async form(path, fields) {
    const body = new URLSearchParams({ csrf: this.csrf, ...fields });
    const answer = await this.ask(path, { method: "POST", body });
    if (answer.status >= 400) throw new Error(`POST ${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  }
}

async function goLive(url) {
  const creator = new Visitor(url);
  await creator.page("/sign-in");
  await creator.form("/sign-in", { email: "creator@example.com" });
  const code = await until(async () => (await (await fetch(`${url}/dev/mail.json`)).json())[0]?.code, "the code");
  await creator.form("/sign-in/code", { email: "creator@example.com", code });
  await creator.page("/studio/demo/live");
  const answer = await creator.ask(`/api/v1/experiences/${creator.experience}/go-live`, {
    method: "POST",
    body: "{}",
    headers: { "content-type": "application/json", "x-csrf-token": creator.csrf },
  });
  if (!answer.ok) throw new Error(`go-live: ${answer.status} ${await answer.text()}`);
}

async function joined(url) {
  const viewer = new Visitor(url);
  await viewer.page("/m/demo/live");
  await viewer.form("/m/demo/live/join", {});
  await viewer.page("/m/demo/live");
  return viewer;
}

async function measured(target) {
  await cpuPer10000({ ...target, seconds: 1, connections: CONNECTIONS });
  const rounds = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    rounds.push(await cpuPer10000({ ...target, seconds: SECONDS, connections: CONNECTIONS }));
  }
  return median(rounds);
}

if (!existsSync(`${peerFolder}/node_modules`)) execFileSync("npm", ["ci", "--silent"], { cwd: peerFolder });
const peer = spawn(process.execPath, ["server.mjs"], { cwd: peerFolder, stdio: ["ignore", "pipe", "inherit"] });
const server = await startServer();
try {
  const [port] = await once(peer.stdout, "data");
  await goLive(server.url);
  const viewer = await joined(server.url);
  const headers = viewer.headers({ "x-csrf-token": viewer.csrf });
  const url = `${server.url}/api/v1/experiences/${viewer.experience}/admission`;
  const ours = await measured({ pid: server.pid, url, headers });
  const bare = await measured({ pid: server.pid, url: `${server.url}/healthz`, method: "GET" });
  const theirs = await measured({ pid: peer.pid, url: `http://127.0.0.1:${String(port).trim()}/token` });
  console.log(
    JSON.stringify({
      bench: "admission",
      rounds: ROUNDS,
      cpu_s_per_10000: Number(ours.toFixed(3)),
      healthz_cpu_s_per_10000: Number(bare.toFixed(3)),
      admissions_per_cpu_s: Math.round(10_000 / ours),
      peer: "node + express + livekit-server-sdk, token only",
      peer_cpu_s_per_10000: Number(theirs.toFixed(3)),
      times_cheaper: Number((theirs / ours).toFixed(1)),
      goal_times_cheaper: 10,
    }),
  );
} finally {
  peer.kill();
  await server.stop();
}
