// bin/bench bridge: what sending a running show to HLS costs, media threads and ffmpeg of the server together, while a browser
// publishes 720p at 30 pictures a second with motion in it; against x264 (veryfast) that encodes the same pictures at the same
// pace beside the same show, decoding not counted. Prints one JSON line.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Show } from "../tests/crash/show.mjs";
import { Stage } from "../tests/crash/stage.mjs";
import { openBrowser, signIn } from "../tests/e2e/browser.mjs";
import { ffmpegsOf, smallLimits } from "../tests/e2e/hls_side.mjs";
import { until } from "../tests/e2e/server.mjs";
import { cpuSeconds, median } from "./load.mjs";

const SECONDS = Number(process.env.BENCH_SECONDS ?? 10);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const FILM_S = 20;
/** Real footage, as Debian's opencv-doc has it; without it a moving test picture with noise. */
const FOOTAGE = process.env.BENCH_FOOTAGE ?? "/usr/share/doc/opencv-doc/examples/data/vtest.avi";
const run = promisify(execFile);

/** CPU seconds that ffmpeg takes for this. */
async function ffmpegSeconds(args) {
  const { stderr } = await run("ffmpeg", ["-v", "info", "-benchmark", "-nostdin", "-y", ...args], { maxBuffer: 1 << 24 });
  const [, user, system] = /utime=([\d.]+)s stime=([\d.]+)s/.exec(stderr);
  return Number(user) + Number(system);
}

/** CPU seconds of a process's threads of this name. */
async function threadSeconds(pid, name) {
  let all = 0;
  for (const task of await readdir(`/proc/${pid}/task`)) {
    const stat = await readFile(`/proc/${pid}/task/${task}/stat`, "utf8").catch(() => "");
    if (stat.includes(`(${name})`)) all += ticks(stat);
  }
  return all;
}

function ticks(stat) {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const folder = await mkdtemp(join(tmpdir(), "backstage-bench-bridge-"));
const { settings } = await smallLimits();
let stage;
let show;
try {
  const film = join(folder, "film.mjpeg");
  const motion = ["-stream_loop", "-1", "-i", FOOTAGE];
  const made = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30,noise=alls=12:allf=t"];
  const into = ["-t", `${FILM_S}`, "-vf", "scale=1280:720,fps=30,format=yuvj420p", "-c:v", "mjpeg", "-q:v", "4", "-an", film];
  await run("ffmpeg", ["-v", "error", "-nostdin", "-y", ...motion, ...into]).catch(() => run("ffmpeg", ["-v", "error", "-nostdin", "-y", ...made, ...into]));
  // One viewer who is expected is enough to keep the bridge at work: the first show is watched by two sockets only.
  stage = await Stage.open(60_000, { ...settings, BACKSTAGE__DELIVERY__WEBRTC_VIEWERS_MAX: "1", BACKSTAGE__DELIVERY__COOLDOWN_MS: "600000" });
  const creator = await openBrowser({ flags: [`--use-file-for-fake-video-capture=${film}`] });
  show = new Show(stage, creator);
  show.studio = await creator.page();
  await signIn(show.studio, stage.url);
  await show.goLive();
  const watchers = [];
  for (let n = 0; n < 2; n += 1) {
    const browser = await openBrowser();
    watchers.push(browser);
    const page = await browser.page();
    await page.goto(`${stage.url}/m/demo/live`);
    await page.getByRole("button", { name: "Join" }).click();
    await page.locator("live-player[data-state='live']").waitFor({ timeout: 30_000 });
  }
  await until(async () => (await show.timeline()).some(({ event }) => event === "delivery_hls"), "HLS", 60_000);
  for (const browser of watchers) await browser.close();
  const [ffmpeg] = await ffmpegsOf(stage.child.pid);
  const sent = () => fetch(`${stage.url}/metrics`).then((answer) => answer.text());
  await sent();
  const cores = [];
  const spent = async () => ({ bridge: await threadSeconds(stage.child.pid, "media"), ffmpeg: await cpuSeconds(ffmpeg) });
  for (let round = 1; round <= ROUNDS; round += 1) {
    const [before, from] = [await spent(), performance.now()];
    await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
    const [after, s] = [await spent(), (performance.now() - from) / 1000];
    const [bridge, child] = [(after.bridge - before.bridge) / s, (after.ffmpeg - before.ffmpeg) / s];
    console.error(`round ${round}: media threads ${(bridge * 100).toFixed(1)} %, ffmpeg ${(child * 100).toFixed(1)} % of a core`);
    cores.push(bridge + child);
  }
  // Beside the same show and at the pace of the pictures, as an encoder in the bridge's place would work.
  const input = ["-t", `${FILM_S}`, "-re", "-r", "30", "-i", film];
  const decode = await ffmpegSeconds([...input, "-f", "null", "-"]);
  const encode = await ffmpegSeconds([...input, "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-b:v", "2500k", "-g", "30", "-f", "null", "-"]);
  await show.end();
  const [ours, x264] = [median(cores), (encode - decode) / FILM_S];
  console.log(
    JSON.stringify({ bench: "bridge", bridge_percent_of_a_core: Number((ours * 100).toFixed(1)), x264_veryfast_percent_of_a_core: Number((x264 * 100).toFixed(1)), times_cheaper: Number((x264 / ours).toFixed(1)) }),
  );
} finally {
  await show?.close();
  await stage?.close();
  await rm(folder, { recursive: true, force: true });
}
