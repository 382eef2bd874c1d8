// Schemathesis against a server of our own: BACKSTAGE_BIN=path/to/backstage SCHEMATHESIS=path/to/st node tests/api/run.mjs
// What it may send is what the document says and what it forbids; what may come back is what the document says.
// Four rounds: by nobody and by the seeded creator, with addresses made up and with addresses that lead somewhere.
// API_SEED=n for other cases than the usual ones, API_CASES=n for more of them.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { startServer } from "../e2e/server.mjs";

const SEED = process.env.API_SEED ?? "20260";
/** Made-up cases for each operation and round, beside those that cover its limits. */
const CASES = process.env.API_CASES ?? "150";
const CASES_MIN = 10_000;
/** Answers of success that the creator must get where addresses lead somewhere: else nothing was looked at. */
const DONE_MIN = 300;
/** A round that hangs is ended. */
const ROUND_S_MAX = 300;
const CHECKS = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_schema_conformance",
  "response_headers_conformance",
  "unsupported_method",
  "ignored_auth",
];
const REFUSALS = ["400", "401", "403", "404", "405", "409", "413", "414", "415", "422", "429"];
/** Every round is one network: what it may ask for is not what is looked at here. */
const LIMITS = ["WRITES_PER_NETWORK", "ADMISSIONS_PER_NETWORK", "UPLINKS_PER_NETWORK", "JOINS_PER_NETWORK"];

let server;
let folder;
let creator;
let places;
let sent = 0;

/** A browser's cookies and its token, signed in. */
async function signIn(url, email) {
  const cookies = new Map();
  const ask = async (path, fields) => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const body = fields && new URLSearchParams(fields);
    const method = fields ? "POST" : "GET";
    const answer = await fetch(url + path, { method, body, headers: { cookie }, redirect: "manual" });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      cookies.set(name, value);
    }
    return answer;
  };
  const csrf = (await (await ask("/sign-in")).text()).match(/csrf-token" content="([^"]+)"/)[1];
  assert.equal((await ask("/sign-in", { csrf, email })).status, 200);
  const letters = await (await ask("/dev/mail.json")).json();
  const { code } = (letters.mails ?? letters).find((letter) => letter.to === email);
  assert.equal((await ask("/sign-in/code", { csrf, email, code })).status, 303);
  const cookie = `bp_session=${cookies.get("bp_session")}`;
  const me = await (await fetch(`${url}/api/v1/me`, { headers: { cookie } })).json();
  return { Cookie: cookie, "X-CSRF-Token": me.csrf_token };
}

/** A recording's row: what it says is enough for its routes; its film is not asked for here. */
const RECORDING = `
import sqlite3, sys
experience, space = sys.argv[2:4]
db = sqlite3.connect(sys.argv[1], timeout=20)
row = ("film", "filmed", experience, space, "A film", 1, 60000, 1, 640, 360, "recordings/film/", "[]", "[]", "experience", 1)
marks = ",".join("?" * len(row))
db.execute(f"""INSERT INTO recordings (id, stream_id, experience_id, space_id, title, started_at, duration_ms, bytes, width,
  height, folder, stretches, cuts, rule, created_at) VALUES ({marks})""", row)
db.commit()
`;

/** Ids and slugs that lead somewhere. */
async function furnish({ url, data }, headers) {
  const json = async (method, path) => (await fetch(url + path, { method, headers })).json();
  const { experiences } = await json("GET", "/api/v1/spaces/demo/experiences");
  const { stream_id } = await json("POST", `/api/v1/experiences/${experiences[0].id}/lobby`);
  assert.ok(stream_id);
  const { id } = await json("GET", "/api/v1/spaces/demo");
  const python = join(dirname(process.env.SCHEMATHESIS), "python");
  execFileSync(python, ["-c", RECORDING, join(data, "backstage.db"), experiences[0].id, id]);
  return { space: "demo", pass: "free", experience: experiences[0].id, stream: stream_id, recording: "film" };
}

function settings(known) {
  const lines = ["[phases.stateful]", "enabled = false", "[phases.examples]", "enabled = false"];
  // Where something forbidden may lead to; the address may be too long before anything else is looked at.
  lines.push("[checks]", "enabled = false", ...CHECKS.flatMap((name) => [`[checks.${name}]`, "enabled = true"]));
  lines.push("[checks.negative_data_rejection]", "enabled = true", `expected-statuses = ${JSON.stringify(REFUSALS)}`);
  const at = (path, parameters, more = []) =>
    lines.push("[[operations]]", `include-path-regex = ${JSON.stringify(path)}`, `parameters = { ${parameters} }`, ...more);
  if (known) {
    // The form's rules count what is left of a text without control characters; a schema cannot say that.
    const cleaned = ["[operations.checks.negative_data_rejection]", "enabled = false"];
    const space = `"path.space" = "${known.space}"`;
    at("/spaces/[^/]+$", space);
    at("/spaces/[^/]+/(experiences|access)$", space);
    at("/spaces/[^/]+/passes$", space, cleaned);
    at("/passes/[^/]+$", `${space}, "path.pass" = "${known.pass}", "body.slug" = "${known.pass}"`, cleaned);
    at("/experiences/.id./", `"path.id" = "${known.experience}"`);
    at("/streams/", `"path.id" = "${known.stream}"`);
    at("/recordings/", `"path.id" = "${known.recording}"`);
  }
  return `${lines.join("\n")}\n`;
}

async function round(name, { headers = {}, known = null }) {
  const file = join(folder, `${name}.toml`);
  const report = join(folder, `${name}.ndjson`);
  await writeFile(file, settings(known));
  const told = Object.entries(headers).flatMap(([header, value]) => ["-H", `${header}: ${value}`]);
  const signed = told.length > 0;
  const options = [
    ["--config-file", file, "run", `${server.url}/api/v1/openapi.json`],
    ["--seed", SEED, "--max-examples", CASES, "--workers", "1", "--continue-on-failure", "--no-color"],
    ["--generation-database", "none", "--suppress-health-check", "all", "--request-timeout", "20"],
    ["--generation-with-security-parameters", String(!signed), "--warnings", "off"],
    ["--report", "ndjson", "--report-ndjson-path", report, "--output-sanitize", "true", ...told],
  ].flat();
  const child = spawn(process.env.SCHEMATHESIS, options, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (said += data));
  const late = setTimeout(() => child.kill("SIGKILL"), ROUND_S_MAX * 1_000);
  const code = await new Promise((resolve) => child.once("exit", resolve));
  clearTimeout(late);
  const answers = (await readFile(report, "utf8").catch(() => "")).match(/"status_code":\s*\d/g) ?? [];
  const done = answers.filter((answer) => answer.endsWith("2")).length;
  console.log(`${name}: ${answers.length} answers, ${done} of success`);
  sent += answers.length;
  assert.equal(code, 0, `${said}\n${server.log()}`);
  return done;
}

before(async () => {
  assert.ok(process.env.SCHEMATHESIS, "set SCHEMATHESIS to the program st: bin/setup installs it");
  const wide = LIMITS.map((name) => [`BACKSTAGE__LIMITS__${name}__COUNT`, "1000000"]);
  server = await startServer(Object.fromEntries(wide));
  folder = await mkdtemp(join(tmpdir(), "backstage-api-"));
  creator = await signIn(server.url, "creator@example.com");
  places = await furnish(server, creator);
});

after(async () => {
  await server?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

// Those of nobody change nothing, so they may run at once.
test("nobody, with addresses made up and with some that lead somewhere", () =>
  Promise.all([round("nobody", {}), round("nobody-there", { known: places })]));
test("the creator, with addresses made up", () => round("creator", { headers: creator }));
test("the creator, with addresses that lead somewhere", async () => {
  const done = await round("creator-there", { headers: creator, known: places });
  assert.ok(done >= DONE_MIN, `${done}`);
});
test(`that were at least ${CASES_MIN} cases`, () => assert.ok(sent >= CASES_MIN, `${sent}`));
