// A server that the tests may kill: its processes, its media server as that sees itself, its books.
import { spawn, execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, until } from "../e2e/server.mjs";

const READY_MS = 30_000;
const b64 = (value) => Buffer.from(value).toString("base64url");

export class Stage {
  /** `grace_ms` is the reconnection grace of the seeded experience; `settings` are further ones of the environment. */
  static async open(grace_ms, settings = {}) {
    const bin = process.env.BACKSTAGE_BIN;
    if (!bin) throw new Error("set BACKSTAGE_BIN to the built server");
    const data = await mkdtemp(join(tmpdir(), "backstage-crash-"));
    const stage = new Stage(bin, data, await freePort(), grace_ms, settings);
    await stage.start();
    return stage;
  }

  constructor(bin, data, port, grace_ms, settings) {
    Object.assign(this, { bin, data, port, grace_ms, settings, url: `http://127.0.0.1:${port}`, lines: [], child: null });
  }

  async start() {
    const env = {
      ...process.env,
      PORT: String(this.port),
      BACKSTAGE_DATA: this.data,
      BACKSTAGE_ENV: "development",
      BACKSTAGE__STREAMS__GRACE_MS: String(this.grace_ms),
      ...this.settings,
    };
    const child = spawn(this.bin, [], { env, stdio: ["ignore", "pipe", "pipe"] });
    this.child = child;
    child.ended = new Promise((resolve) => child.once("exit", resolve));
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (d) => this.lines.push(String(d)));
    const ready = async () => {
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
      return (await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(2_000) })).ok;
    };
    await until(ready, "the server to be ready", READY_MS).catch((error) => {
      throw new Error(`${error.message}\n${this.log()}`);
    });
  }

  log() {
    return this.lines.join("").split("\n").slice(-80).join("\n");
  }

  /** `kill -9` of the server; its media server goes on. */
  async killServer() {
    this.child.kill("SIGKILL");
    await this.child.ended;
  }

  /** `kill -9` of the media server. */
  async killMedia() {
    const pid = await this.mediaPid();
    process.kill(pid, "SIGKILL");
    await until(async () => !alive(pid), "the media server to be gone");
  }

  async mediaPid() {
    return JSON.parse(await readFile(join(this.data, "livekit", "livekit.pid"), "utf8")).process.pid;
  }

  async mediaKeys() {
    return JSON.parse(await readFile(join(this.data, "livekit", "keys.json"), "utf8"));
  }

  /** Rooms as the media server itself lists them. */
  async rooms() {
    const { api_key, api_secret, ports } = await this.mediaKeys();
    const now = Math.floor(Date.now() / 1000);
    const head = b64(JSON.stringify({ alg: "HS256", typ: "JWT" }));
    const body = b64(JSON.stringify({ iss: api_key, nbf: now - 10, exp: now + 60, video: { roomList: true } }));
    const signature = createHmac("sha256", api_secret).update(`${head}.${body}`).digest("base64url");
    const answer = await fetch(`http://127.0.0.1:${ports.http}/twirp/livekit.RoomService/ListRooms`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${head}.${body}.${signature}` },
      body: "{}",
      signal: AbortSignal.timeout(3_000),
    });
    return (await answer.json()).rooms ?? [];
  }

  /** Cuts every media packet of this server, both ways, until the returned function is called. */
  async cutNetwork() {
    const { ports } = await this.mediaKeys();
    return this.cut({ udp: ports.udp, tcp: ports.tcp });
  }

  /** Cuts every packet to and from these ports of this machine, until the returned function is called. */
  cut(ports) {
    const rules = Object.entries(ports).flatMap(([protocol, port]) =>
      ["--dport", "--sport"].map((way) => ["INPUT", "-i", "lo", "-p", protocol, way, String(port), "-j", "DROP"]),
    );
    for (const rule of rules) execFileSync("iptables", ["-w", "-I", ...rule]);
    let cut = true;
    const restore = () => {
      if (cut) for (const rule of rules) execFileSync("iptables", ["-w", "-D", ...rule]);
      cut = false;
    };
    this.restore = restore;
    return restore;
  }

  /** Ends everything in peace and checks that nothing is left: no process that knows this data folder. */
  async close() {
    this.restore?.();
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill("SIGTERM");
      await this.child.ended;
    }
    const left = await until(async () => {
      const found = await processesOf(this.data);
      return found.length === 0 ? [] : null;
    }, "all processes to be gone", 10_000).catch(async () => processesOf(this.data));
    for (const pid of left) process.kill(pid, "SIGKILL");
    await rm(this.data, { recursive: true, force: true });
    return left;
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function processesOf(data) {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const found = [];
  for (const pid of pids) {
    const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (line.includes(data)) found.push(Number(pid));
  }
  return found;
}
