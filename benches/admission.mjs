// bin/bench admission: server CPU per full admission (session, access check, token), against a Node server that only
// mints the token, in the same run. `healthz` is what the same server pays for an answer of a few bytes: sockets and HTTP
// alone. Prints one JSON line.
import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startServer } from "../tests/e2e/server.mjs";
import { cpuPer10000, median } from "./load.mjs";
import { Visitor } from "./visitor.mjs";

const SECONDS = 2;
const ROUNDS = 5;
const CONNECTIONS = 64;
const peerFolder = fileURLToPath(new URL("peer", import.meta.url));

async function goLive(url) {
  const creator = await Visitor.signedIn(url);
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
