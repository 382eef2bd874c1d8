// A bounded load on loopback, and what the server's process pays for it.
import { readFile } from "node:fs/promises";
import http from "node:http";

const CLOCK_TICKS_PER_S = 100;

/** CPU seconds (user and system) that a process has used. */
export async function cpuSeconds(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_S;
}

/** Posts `count` requests over `connections` kept-alive connections; every answer must be 200. */
export async function load({ url, headers = {}, body = "{}", count, connections }) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  let left = count;
  const one = () =>
    new Promise((resolve, reject) => {
      const request = http.request(
        url,
        { agent, method: "POST", headers: { "content-type": "application/json", "content-length": body.length, ...headers } },
        (response) => {
          const chunks = [];
          response.on("data", (chunk) => chunks.push(chunk));
          response.on("end", () =>
            response.statusCode === 200 ? resolve() : reject(new Error(`${response.statusCode} ${Buffer.concat(chunks)}`)),
          );
        },
      );
      request.on("error", reject);
      request.end(body);
    });
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      await one();
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  agent.destroy();
}

export const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
