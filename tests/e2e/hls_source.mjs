// A live HLS stream for tests: ffmpeg makes it (moving picture, tone, 1 s fMP4 segments), a small server hands it out by
// token as an origin does: every address carries one, and only those it has given count.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./server.mjs";

const TYPES = { m3u8: "application/vnd.apple.mpegurl", mp4: "video/mp4", m4s: "video/iso.segment", vtt: "text/vtt" };
/** Segments that the playlist keeps: what can be watched again, s. */
const WINDOW_S = 40;

/** `segments`: wait for so many before it counts as there. */
export async function startHls({ segments = 4 } = {}) {
  const dir = await mkdtemp(join(tmpdir(), "backstage-hls-"));
  const ffmpeg = spawn(
    "ffmpeg",
    [
      ..."-v error -nostdin -re -f lavfi -i testsrc2=size=640x360:rate=15 -f lavfi -i sine=frequency=440:sample_rate=48000".split(" "),
      ..."-c:v libx264 -preset ultrafast -tune zerolatency -profile:v baseline -g 15 -keyint_min 15 -sc_threshold 0 -b:v 400k -c:a aac -b:a 64k".split(" "),
      ..."-f hls -hls_time 1 -hls_segment_type fmp4 -hls_flags delete_segments+independent_segments+program_date_time+omit_endlist".split(" "),
      "-hls_list_size",
      String(WINDOW_S),
      "-hls_fmp4_init_filename",
      "init.mp4",
      "-hls_segment_filename",
      join(dir, "s%05d.m4s"),
      join(dir, "media.m3u8"),
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  let ended = false;
  ffmpeg.once("exit", () => (ended = true));
  const tokens = new Set();
  /** Requests as {name, token}. */
  const requests = [];
  const sockets = new Set();
  let qualities = 1;
  let captions = false;

  const main = (token) => {
    const media = (name) => `${name}?token=${token}`;
    const lines = ["#EXTM3U", "#EXT-X-VERSION:7"];
    if (captions)
      lines.push(`#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subs",NAME="English",LANGUAGE="en",URI="${media("captions.m3u8")}"`);
    const subs = captions ? ',SUBTITLES="subs"' : "";
    for (let i = 0; i < qualities; i += 1)
      lines.push(
        `#EXT-X-STREAM-INF:BANDWIDTH=${600_000 - i * 100_000},RESOLUTION=${640 >> i}x${360 >> i},CODECS="avc1.42c01e,mp4a.40.2"${subs}`,
        media(i === 0 ? "media.m3u8" : `media.m3u8?q=${i}`).replace("?q=1?", "?q=1&"),
      );
    return `${lines.join("\n")}\n`;
  };
  const withTokens = (text, token) =>
    text
      .replace(/URI="([^"]+)"/g, `URI="$1?token=${token}"`)
      .replace(/^([^#\s].*)$/gm, `$1?token=${token}`);
  const subtitles = async (token) => {
    const media = await readFile(join(dir, "media.m3u8"), "utf8");
    return withTokens(media.replace(/^#EXT-X-MAP.*\n/m, "").replaceAll(".m4s", ".vtt"), token);
  };

  const server = createServer(async (request, response) => {
    const url = new URL(request.url, "http://origin");
    const name = url.pathname.split("/").pop();
    const token = url.searchParams.get("token");
    response.setHeader("Access-Control-Allow-Origin", "*");
    requests.push({ name, token });
    if (!tokens.has(token)) return response.writeHead(403).end("the token does not fit");
    try {
      let body;
      if (name === "main.m3u8") body = main(token);
      else if (name === "captions.m3u8") body = await subtitles(token);
      else if (name.endsWith(".vtt")) body = "WEBVTT\n\n00:00.000 --> 10:00:00.000\nA line of text\n";
      else body = await readFile(join(dir, name));
      if (name === "media.m3u8") body = withTokens(String(body), token);
      response.writeHead(200, { "Content-Type": TYPES[name.split(".").pop()], "Cache-Control": "no-cache" }).end(body);
    } catch {
      response.writeHead(404).end();
    }
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
    async () => {
      if (ended) throw new Error("ffmpeg ended");
      return ((await readFile(join(dir, "media.m3u8"), "utf8")).match(/#EXTINF/g) ?? []).length >= segments;
    },
    "the HLS stream",
    30_000 + segments * 1_000,
  );
  return {
    port,
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
    /** No new segments any more, while the old ones are still handed out; `thaw` goes on. */
    freeze: () => ffmpeg.kill("SIGSTOP"),
    thaw: () => ffmpeg.kill("SIGCONT"),
    /** No answers any more, as if the machine were gone; `resume` brings it back at the same address. */
    pause: close,
    resume: () => listen(port),
    stop: async () => {
      await close();
      if (!ended) {
        ffmpeg.kill("SIGKILL");
        await until(() => ended, "ffmpeg to end");
      }
      await rm(dir, { recursive: true, force: true });
    },
  };
}
