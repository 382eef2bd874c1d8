// A live stream in low-latency HLS for tests: ffmpeg makes pictures and a tone as fragmented MP4, 200 ms a piece; this cuts
// them into parts and segments in memory and hands them out by token as an origin does: with blocking reloads, and a token
// in every address.
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { createServer } from "node:http";
import { until } from "./server.mjs";

const FPS = 30;
/** Segments that the playlist keeps: what can be watched again, s. */
const WINDOW = 40;
/** Segments whose parts are listed. */
const PARTED = 4;
const HOLD_MS = 3_000;
const TYPES = { m3u8: "application/vnd.apple.mpegurl", mp4: "video/mp4", m4s: "video/iso.segment", vtt: "text/vtt" };

const MAKE = [
  "-v error -nostdin -re",
  `-f lavfi -i testsrc2=size=640x360:rate=${FPS} -f lavfi -i sine=frequency=440:sample_rate=48000`,
  `-c:v libx264 -preset ultrafast -tune zerolatency -profile:v baseline -g ${FPS} -keyint_min ${FPS} -sc_threshold 0 -b:v 400k`,
  "-c:a aac -b:a 64k",
  "-f mp4 -movflags +empty_moov+default_base_moof+frag_keyframe -frag_duration 200000 -flush_packets 1 pipe:1",
].join(" ");

function* boxes(data, from = 0, to = data.length) {
  for (let at = from; at + 8 <= to; ) {
    const size = data.readUInt32BE(at);
    if (size < 8 || at + size > to) return;
    yield { type: data.toString("latin1", at + 4, at + 8), body: at + 8, end: at + size, start: at };
    at += size;
  }
}

/** How many pictures a moof has. */
function pictures(moof) {
  for (const outer of boxes(moof))
    for (const traf of boxes(moof, outer.body, outer.end)) {
      if (traf.type !== "traf") continue;
      const inside = Object.fromEntries([...boxes(moof, traf.body, traf.end)].map((box) => [box.type, box.body]));
      if (moof.readUInt32BE(inside.tfhd + 4) === 1) return moof.readUInt32BE(inside.trun + 4);
    }
  return 0;
}

/** Segments of parts, as they come out of ffmpeg. */
class Window extends EventEmitter {
  init = null;
  segments = [];
  #rest = Buffer.alloc(0);
  #head = [];
  #pictures = 0;

  feed(chunk) {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    let used = 0;
    for (const box of boxes(this.#rest)) {
      used = box.end;
      this.#head.push(this.#rest.subarray(box.start, box.end));
      if (box.type === "moov") this.init = Buffer.concat(this.#head.splice(0));
      else if (box.type === "mdat") this.#part(this.#head.splice(0));
    }
    this.#rest = this.#rest.subarray(used);
  }

  #part(pieces) {
    const count = pictures(pieces[0]);
    if (count === 0) return;
    const key = this.#pictures % FPS === 0;
    this.#pictures += count;
    if (key) {
      const msn = (this.segments.at(-1)?.msn ?? -1) + 1;
      this.segments.push({ msn, at: Date.now() - (count / FPS) * 1000, parts: [] });
      if (this.segments.length > WINDOW + 1) this.segments.shift();
    }
    this.segments.at(-1).parts.push({ data: Buffer.concat(pieces), seconds: count / FPS, key });
    this.emit("part");
  }

  has(msn, part) {
    const last = this.segments.at(-1);
    if (!last) return false;
    return last.msn > msn || (last.msn === msn && part !== null && last.parts.length > part);
  }

  async wait(msn, part) {
    const signal = AbortSignal.timeout(HOLD_MS);
    while (!this.has(msn, part)) await once(this, "part", { signal });
  }

  /** `kind` of the pieces: m4s, or vtt, which needs no init. Captions come in parts too: whole segments end behind the playhead. */
  playlist(tail, kind = "m4s") {
    const open = this.segments.at(-1);
    const lines = [
      ...["#EXTM3U", "#EXT-X-VERSION:9", "#EXT-X-TARGETDURATION:1", "#EXT-X-INDEPENDENT-SEGMENTS"],
      "#EXT-X-PART-INF:PART-TARGET=0.2",
      "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.6",
      `#EXT-X-MEDIA-SEQUENCE:${this.segments[0].msn}`,
    ];
    if (kind === "m4s") lines.push(`#EXT-X-MAP:URI="init.mp4${tail}"`);
    for (const one of this.segments) {
      lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(one.at).toISOString()}`);
      if (one.msn > open.msn - PARTED)
        for (const [i, part] of one.parts.entries())
          lines.push(
            `#EXT-X-PART:DURATION=${part.seconds.toFixed(3)},URI="${one.msn}.${i}.${kind}${tail}"${part.key ? ",INDEPENDENT=YES" : ""}`,
          );
      if (one !== open)
        lines.push(
          `#EXTINF:${one.parts.reduce((sum, part) => sum + part.seconds, 0).toFixed(3)},`,
          `${one.msn}.${kind}${tail}`,
        );
    }
    return `${lines.join("\n")}\n`;
  }
}

/** `segments`: wait for so many before it counts as there. */
export async function startHls({ segments = 4 } = {}) {
  const ffmpeg = spawn("ffmpeg", MAKE.split(" "), { stdio: ["ignore", "pipe", "inherit"] });
  let ended = false;
  ffmpeg.once("exit", () => (ended = true));
  const window = new Window();
  ffmpeg.stdout.on("data", (chunk) => window.feed(chunk));
  const tokens = new Set();
  /** Requests as {name, token}. */
  const requests = [];
  const sockets = new Set();
  let qualities = 1;
  let captions = false;

  const main = (tail) => {
    const lines = ["#EXTM3U", "#EXT-X-VERSION:9"];
    const subtitles = `#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subs",NAME="English",LANGUAGE="en",URI="captions.m3u8${tail}"`;
    if (captions) lines.push(subtitles);
    for (let i = 0; i < qualities; i += 1)
      lines.push(
        `#EXT-X-STREAM-INF:BANDWIDTH=${600_000 - i * 100_000},RESOLUTION=${640 >> i}x${360 >> i},CODECS="avc1.42c01e,mp4a.40.2"${captions ? ',SUBTITLES="subs"' : ""}`,
        `media${i || ""}.m3u8${tail}`,
      );
    return `${lines.join("\n")}\n`;
  };
  const answer = async (name, query, tail) => {
    if (name === "main.m3u8") return main(tail);
    if (name.endsWith(".vtt")) return "WEBVTT\n\n00:00.000 --> 10:00:00.000\nA line of text\n";
    if (name === "init.mp4") return window.init;
    if (name.endsWith(".m3u8")) {
      const msn = query.get("_HLS_msn");
      if (msn !== null) await window.wait(Number(msn), query.has("_HLS_part") ? Number(query.get("_HLS_part")) : null);
      return window.playlist(tail, name === "captions.m3u8" ? "vtt" : "m4s");
    }
    const [msn, part] = name.split(".").map(Number);
    const segment = window.segments.find((one) => one.msn === msn);
    if (!segment) return null;
    return Number.isNaN(part) ? Buffer.concat(segment.parts.map((one) => one.data)) : (segment.parts[part]?.data ?? null);
  };

  const server = createServer(async (request, response) => {
    const url = new URL(request.url, "http://origin");
    const name = url.pathname.split("/").pop();
    const token = url.searchParams.get("token");
    response.setHeader("Access-Control-Allow-Origin", "*");
    requests.push({ name, token });
    if (!tokens.has(token)) return response.writeHead(403).end("the token does not fit");
    const body = await answer(name, url.searchParams, `?token=${token}`).catch(() => undefined);
    if (body === undefined) return response.writeHead(503).end();
    if (body === null) return response.writeHead(404).end();
    response.writeHead(200, { "Content-Type": TYPES[name.split(".").pop()], "Cache-Control": "no-cache" }).end(body);
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const listen = (port) => new Promise((done) => server.listen(port, "127.0.0.1", done));
  await listen(0);
  const { port } = server.address();
  const close = () =>
    new Promise((done) => {
      server.close(done);
      for (const socket of sockets) socket.destroy();
    });
  await until(
    () => {
      if (ended) throw new Error("ffmpeg ended");
      return window.segments.length > segments;
    },
    "the HLS stream",
    30_000 + segments * 1_000,
  );
  return {
    requests,
    /** A playlist address with a token that counts from now on. */
    url(token) {
      tokens.add(token);
      return `http://127.0.0.1:${port}/live/main.m3u8?token=${token}`;
    },
    /** The token does not count any more. */
    revoke: (token) => tokens.delete(token),
    offer(change) {
      ({ qualities = qualities, captions = captions } = change);
    },
    /** No new parts any more, while the old ones are still handed out; `thaw` goes on. */
    freeze: () => ffmpeg.kill("SIGSTOP"),
    thaw: () => ffmpeg.kill("SIGCONT"),
    /** No answers any more, as if the machine were gone; `resume` brings it back at the same address. */
    pause: close,
    resume: () => listen(port),
    stop: async () => {
      await close();
      if (ended) return;
      ffmpeg.kill("SIGKILL");
      await until(() => ended, "ffmpeg to end");
    },
  };
}
