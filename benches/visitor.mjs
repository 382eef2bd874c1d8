// Somebody who uses the site without a browser: cookies, tokens, forms.
import { until } from "../tests/e2e/server.mjs";

export class Visitor {
  constructor(url) {
    Object.assign(this, { url, jar: new Map() });
  }

  /** The creator of the demo, by the code in the development mailbox. */
  static async signedIn(url, email = "creator@example.com") {
    const visitor = new Visitor(url);
    await visitor.page("/sign-in");
    await visitor.form("/sign-in", { email });
    const code = await until(async () => (await (await fetch(`${url}/dev/mail.json`)).json())[0]?.code, "the code");
    await visitor.form("/sign-in/code", { email, code });
    await visitor.page("/studio");
    return visitor;
  }

  headers(extra = {}) {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join("; ");
    return { cookie, origin: this.url, ...extra };
  }

  async ask(path, options = {}) {
    const answer = await fetch(this.url + path, { redirect: "manual", ...options, headers: this.headers(options.headers) });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      this.jar.set(name, value);
    }
    return answer;
  }

  async page(path) {
    const text = await (await this.ask(path)).text();
    this.csrf = /name="csrf-token" content="([^"]*)"/.exec(text)?.[1];
    this.experience = /data-experience-id="([^"]*)"/.exec(text)?.[1] ?? this.experience;
    return text;
  }

  async form(path, fields) {
    const body = new URLSearchParams({ csrf: this.csrf, ...fields });
    const answer = await this.ask(path, { method: "POST", body });
    if (answer.status >= 400) throw new Error(`POST ${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  }

  /** Writes a part of the demo's sales page. */
  async part(part, fields, file = null) {
    const path = `/studio/demo/edit/${part}`;
    const headers = { "x-part": "1" };
    const form = await (await this.ask(path, { headers })).text();
    const body = new FormData();
    body.append("csrf", this.csrf);
    body.append("version", /name="version" value="([^"]*)"/.exec(form)[1]);
    for (const [name, value] of fields) body.append(name, value);
    if (file) body.append("file", new Blob([file], { type: "image/png" }), "picture.png");
    const answer = await this.ask(path, { method: "POST", headers, body });
    if (answer.status !== 200) throw new Error(`POST ${path}: ${answer.status} ${await answer.text()}`);
  }
}
