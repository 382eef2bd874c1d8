// An audience without browsers: sockets that are there, each under a name of its own. They are counted and shown as
// anybody is; no picture goes to them.
import { randomBytes } from "node:crypto";
import { get } from "node:http";
import { createRequire } from "node:module";

const { request } = createRequire(new URL("../../web/package.json", import.meta.url))("playwright-core");
const PING_EACH_MS = 20_000;

/** One masked frame of a browser; a short one, as all of these are. */
function frame(kind, text = "") {
  const [body, mask] = [Buffer.from(text), randomBytes(4)];
  return Buffer.concat([Buffer.from([0x80 | kind, 0x80 | body.length]), mask, body.map((byte, i) => byte ^ mask[i % 4])]);
}

class Guest {
  static async open(url, path, name) {
    const browser = await request.newContext({ baseURL: url });
    const page = await (await browser.get(path)).text();
    const form = { csrf: /name="csrf-token" content="([^"]+)"/.exec(page)[1] };
    const headers = { origin: url };
    await browser.post(`${path}/join`, { form, headers });
    form.csrf = /name="csrf-token" content="([^"]+)"/.exec(await (await browser.get("/account")).text())[1];
    await browser.post("/account", { form: { ...form, name }, headers });
    const cookie = (await browser.storageState()).cookies.map((one) => `${one.name}=${one.value}`).join("; ");
    await browser.dispose();
    const id = /data-experience-id="([^"]+)"/.exec(page)[1];
    const upgrade = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": randomBytes(16).toString("base64") };
    const socket = await new Promise((resolve, reject) => {
      const asked = get(`${url}/live/${id}?as=viewer`, { headers: { ...upgrade, cookie, origin: url } });
      asked.once("upgrade", (_answer, open) => resolve(open)).once("error", reject);
      asked.once("response", (answer) => reject(new Error(`no socket for ${name}: ${answer.statusCode}`)));
    });
    return new Guest(socket);
  }

  constructor(socket) {
    this.socket = socket.resume().on("error", () => undefined);
    this.beat = setInterval(() => socket.write(frame(9)), PING_EACH_MS);
  }

  watches(delivery) {
    this.socket.write(frame(1, JSON.stringify({ type: "watching", delivery })));
  }

  leaves() {
    clearInterval(this.beat);
    this.socket.destroy();
  }
}

/** Guests of these names at this page, one after the other. */
export async function openGuests(url, path, names) {
  const guests = [];
  for (const name of names) guests.push(await Guest.open(url, path, name));
  return {
    watch: (delivery) => guests.forEach((guest) => guest.watches(delivery)),
    leave: () => guests.forEach((guest) => guest.leaves()),
  };
}
