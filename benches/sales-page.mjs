// bin/bench sales-page: full sales pages (cover, 12 features, 20 answers in Markdown, 8 pictures, 3 passes, 3 experiences) that one
// CPU second of the server renders for strangers over loopback. `healthz` is what the same server pays for an answer of a few
// bytes in the same run: sockets and HTTP alone. Prints one JSON line; needs wrk.
import { crc32, deflateSync } from "node:zlib";
import { startServer } from "../tests/e2e/server.mjs";
import { cpuPer10000, median } from "./load.mjs";
import { Visitor } from "./visitor.mjs";

const SECONDS = Number(process.env.BENCH_SECONDS ?? 2);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const CONNECTIONS = 64;

/** Furnishes the demo's page as full as a page may be. */
async function furnish(url) {
  const creator = await Visitor.signedIn(url);
  const words = "Words that **stand out**, a [link](https://example.com) and\n\n- one point\n- another point\n\n";
  await creator.part("category", [["category", "music"]]);
  await creator.part("description", [["description", words.repeat(8)]]);
  await creator.part("features", Array.from({ length: 12 }, (_, n) => [["title", `Feature ${n}`], ["text", "In a few words, what somebody gets."]]).flat());
  await creator.part("faq", Array.from({ length: 20 }, (_, n) => [["question", `Question ${n}?`], ["answer", words.repeat(4)]]).flat());
  await creator.part("cover", [["alt", "The stage"]], picture());
  await creator.part("logo", [["alt", ""]], picture());
  for (let n = 0; n < 8; n += 1) await creator.part("gallery", [["alt", `Picture ${n}`]], picture());
  for (const slug of ["week", "year"]) {
    await creator.form("/studio/demo/passes/new", { name: slug, slug, status: "published", opens: "all", description: words });
    await creator.form("/studio/demo/experiences/new", { title: slug, slug, grace_s: "60" });
  }
}

/** A PNG of 640 × 360 in one colour. */
function picture() {
  const [width, height] = [640, 360];
  const chunk = (kind, data) => {
    const body = Buffer.concat([Buffer.from(kind), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2], 8);
  const rows = Buffer.alloc((width * 3 + 1) * height, 120);
  for (let y = 0; y < height; y += 1) rows[y * (width * 3 + 1)] = 0;
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", head), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

async function measured(target) {
  await cpuPer10000({ ...target, method: "GET", seconds: 1, connections: CONNECTIONS });
  const rounds = [];
  for (let round = 0; round < ROUNDS; round += 1)
    rounds.push(await cpuPer10000({ ...target, method: "GET", seconds: SECONDS, connections: CONNECTIONS }));
  return median(rounds);
}

const server = await startServer();
try {
  await furnish(server.url);
  const url = `${server.url}/demo`;
  const page = await (await fetch(url)).text();
  if (!page.includes("Question 19?") || !page.includes("Feature 11")) throw new Error("the page is not full");
  const ours = await measured({ pid: server.pid, url });
  const zipped = await measured({ pid: server.pid, url, headers: { "accept-encoding": "gzip" } });
  const bare = await measured({ pid: server.pid, url: `${server.url}/healthz` });
  console.log(
    JSON.stringify({
      bench: "sales-page",
      rounds: ROUNDS,
      page_bytes: Buffer.byteLength(page),
      pages_per_cpu_s: Math.round(10_000 / ours),
      goal_pages_per_cpu_s: 3_000,
      gzip_pages_per_cpu_s: Math.round(10_000 / zipped),
      baseline_healthz_per_cpu_s: Math.round(10_000 / bare),
      times_the_cost_of_healthz: Number((ours / bare).toFixed(1)),
    }),
  );
} finally {
  await server.stop();
}
