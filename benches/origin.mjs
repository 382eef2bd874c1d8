// bin/bench origin: what one CPU second of the origin serves, playlists and parts of a running broadcast as viewers ask for them,
// against nginx with one worker that serves the same bytes from memory. Prints one JSON line; needs wrk and nginx.
import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { freePort, until } from "../tests/e2e/server.mjs";
import { cpuSeconds, median } from "./load.mjs";

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 4);
const CONNECTIONS = 32;
const run = promisify(execFile);

const folder = await mkdtemp(join(tmpdir(), "backstage-bench-origin-"));
const [port, rtmp, nginxPort] = [await freePort(), await freePort(), await freePort()];
const children = [];
const start = (program, args, options = {}) => {
  const child = spawn(program, args, { stdio: "ignore", ...options });
  children.push(child);
  return child;
};

/** Requests and CPU seconds of these processes for a mix of addresses, each asked as often as the others. */
async function serves(pids, base, paths) {
  const script = join(folder, "mix.lua");
  const list = paths.map((path) => JSON.stringify(path)).join(", ");
  await writeFile(script, `local paths = { ${list} }\nlocal i = 0\nrequest = function()\n  i = i % #paths + 1\n  return wrk.format("GET", paths[i])\nend\n`);
  const before = await cpuOf(pids);
  const { stdout } = await run("wrk", ["-t1", `-c${CONNECTIONS}`, `-d${SECONDS}s`, "-s", script, base]);
  const spent = (await cpuOf(pids)) - before;
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`not every answer was 200:\n${stdout}`);
  return Number(/(\d+) requests in/.exec(stdout)[1]) / spent;
}

async function cpuOf(pids) {
  const all = await Promise.all(pids.map(cpuSeconds));
  return all.reduce((sum, one) => sum + one, 0);
}

try {
  const origin = start(process.env.BACKSTAGE_BIN, ["origin", "--port", port, "--rtmp-port", rtmp, "--data", join(folder, "origin"), "--unlimited"].map(String));
  const base = `http://127.0.0.1:${port}`;
  const file = join(folder, "origin", "credentials.json");
  const { token_id, token_secret } = await until(async () => JSON.parse(await readFile(file, "utf8")), "the origin's credentials");
  const headers = { authorization: `Basic ${Buffer.from(`${token_id}:${token_secret}`).toString("base64")}`, "content-type": "application/json" };
  const body = JSON.stringify({ latency_mode: "low", playback_policies: ["public"], reconnect_window: 60 });
  const live = await until(async () => (await (await fetch(`${base}/video/v1/live-streams`, { method: "POST", headers, body })).json()).data, "a live stream");
  const source = "-re -f lavfi -i testsrc2=size=640x360:rate=30 -f lavfi -i sine -c:v libx264 -preset ultrafast -tune zerolatency -profile:v baseline -g 30 -keyint_min 30 -sc_threshold 0 -b:v 1M -maxrate 1M -bufsize 1M -c:a aac -f flv";
  const encoder = start("ffmpeg", ["-v", "error", "-nostdin", ...source.split(" "), `rtmp://127.0.0.1:${rtmp}/app/${live.stream_key}`]);
  const id = live.playback_ids[0].id;
  const first = `${base}/${id}.m3u8`;
  const lines = (text) => text.split("\n").filter((line) => line && !line.startsWith("#"));
  const text = async (url) => {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
    return answer.text();
  };
  const media = await until(async () => new URL(lines(await text(first))[0], first).href, "the first playlist", 30_000);
  const site = join(folder, "site");
  // As a viewer asks: a playlist for each part, now and then a whole segment. Copied for nginx as they are at the moment; parts
  // leave the origin as the broadcast goes on, so each round takes those of its own time.
  async function mixOfNow() {
    const list = await until(async () => {
      const now = await text(media);
      return lines(now).length >= 6 ? now : null;
    }, "some segments", 30_000);
    const parts = [...list.matchAll(/#EXT-X-PART:[^\n]*URI="([^"]+)"/g)].map(([, uri]) => new URL(uri, media).href).slice(-8);
    const segments = lines(list).slice(-2).map((uri) => new URL(uri, media).href);
    const urls = [...parts.flatMap((part) => [media, part]), ...segments];
    for (const url of new Set(urls)) {
      const path = join(site, new URL(url).pathname);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, Buffer.from(await (await fetch(url)).arrayBuffer()));
    }
    return urls.map((url) => new URL(url).pathname);
  }
  const known = (await mixOfNow())[0];
  await writeFile(
    join(folder, "nginx.conf"),
    `${process.getuid() === 0 ? "user root;" : ""} worker_processes 1; daemon off; pid ${folder}/nginx.pid; error_log ${folder}/error.log; events { worker_connections 256; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; open_file_cache max=100; client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
types { application/vnd.apple.mpegurl m3u8; video/iso.segment m4s; video/mp4 mp4; }
server { listen 127.0.0.1:${nginxPort}; root ${site}; add_header access-control-allow-origin *; } }`,
  );
  const nginx = start("nginx", ["-c", join(folder, "nginx.conf")]);
  const workers = await until(async () => {
    const children = (await readFile(`/proc/${nginx.pid}/task/${nginx.pid}/children`, "utf8")).trim().split(" ").filter(Boolean).map(Number);
    return children.length > 0 && (await fetch(`http://127.0.0.1:${nginxPort}${known}`)).ok ? children : null;
  }, "nginx");
  const [ours, theirs] = [[], []];
  for (let round = 1; round <= ROUNDS; round += 1) {
    const paths = await mixOfNow();
    ours.push(await serves([origin.pid], base, paths));
    theirs.push(await serves(workers, `http://127.0.0.1:${nginxPort}`, paths));
    console.error(`round ${round}: ${Math.round(ours.at(-1))} and ${Math.round(theirs.at(-1))} answers per CPU second`);
  }
  encoder.kill("SIGKILL");
  const [a, b] = [median(ours), median(theirs)];
  console.log(JSON.stringify({ bench: "origin", answers_per_cpu_s: Math.round(a), nginx_answers_per_cpu_s: Math.round(b), ratio: Number((a / b).toFixed(2)) }));
} finally {
  for (const child of children) child.kill("SIGTERM");
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
