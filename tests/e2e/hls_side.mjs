// The HLS side of a server under test, as its origin and the machine see it.
import { execFileSync } from "node:child_process";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "./server.mjs";

/** Settings of a server with an audience of two over WebRTC, whose switches do not take minutes. */
export async function smallLimits() {
  const [http, rtmp] = [await freePort(), await freePort()];
  const settings = {
    BACKSTAGE__MUX__EMBEDDED__PORT: String(http),
    BACKSTAGE__MUX__EMBEDDED__RTMP_PORT: String(rtmp),
    BACKSTAGE__DELIVERY__WEBRTC_VIEWERS_MAX: "2",
    BACKSTAGE__DELIVERY__COHORT_PERCENT: "50",
    BACKSTAGE__DELIVERY__COHORT_EVERY_MS: "2000",
    BACKSTAGE__DELIVERY__JITTER_MS: "500",
    BACKSTAGE__DELIVERY__COOLDOWN_MS: "3000",
  };
  return { http, rtmp, settings };
}

/** Live streams as the origin itself lists them, the youngest first. */
export async function liveStreams(data, port) {
  const { token_id, token_secret } = JSON.parse(await readFile(join(data, "origin", "credentials.json"), "utf8"));
  const authorization = `Basic ${Buffer.from(`${token_id}:${token_secret}`).toString("base64")}`;
  const answer = await fetch(`http://127.0.0.1:${port}/video/v1/live-streams`, { headers: { authorization } });
  if (!answer.ok) throw new Error(`the origin answered ${answer.status}`);
  return (await answer.json()).data;
}

/** The ffmpeg processes that this process started. */
export async function ffmpegsOf(parent) {
  const found = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
    if (/^Name:\tffmpeg$/m.test(status) && new RegExp(`^PPid:\t${parent}$`, "m").test(status) && !/^State:\tZ/m.test(status)) found.push(Number(pid));
  }
  return found;
}

/** Whether packets can be cut on this machine. */
export function canCut() {
  try {
    execFileSync("iptables", ["-w", "-n", "-L", "INPUT"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
