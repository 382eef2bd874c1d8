// A `backstage origin` of its own, someone who hears its webhooks, and Mux's library pointed at both.

import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import Mux from '@mux/mux-node';

const PATIENCE_MS = 90_000;

/** Asks again until there is an answer, or patience ends. */
export async function until(what, ask) {
  const end = Date.now() + PATIENCE_MS;
  while (Date.now() < end) {
    const found = await ask();
    if (found) return found;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`waited in vain for ${what}`);
}

export class House {
  /** Starts everything; `close` ends it. */
  static async open() {
    const house = new House();
    house.data = await mkdtemp(join(tmpdir(), 'backstage-mux-sdk-'));
    house.raw = [];
    house.children = [];
    house.server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8');
      request.on('data', (chunk) => (body += chunk));
      request.on('end', () => {
        house.raw.push({ body, headers: request.headers });
        response.end();
      });
    });
    await new Promise((done) => house.server.listen(0, '127.0.0.1', done));
    const webhooks = `http://127.0.0.1:${house.server.address().port}/`;
    const program = process.env.BACKSTAGE_BIN ?? 'backstage';
    const place = ['--port', '0', '--rtmp-port', '0', '--data', house.data, '--webhook-url', webhooks, '--unlimited'];
    const origin = spawn(program, ['origin', ...place], { stdio: ['ignore', 'pipe', 'inherit'] });
    house.children.push(origin);
    const said = {};
    for await (const line of createInterface({ input: origin.stdout })) {
      said.url ??= line.match(/ready at (\S+)/)?.[1];
      said.rtmp ??= line.match(/publish to (\S+)\/STREAM_KEY/)?.[1];
      if (line.includes('credentials')) break;
    }
    origin.stdout.resume();
    house.url = said.url;
    house.rtmp = said.rtmp;
    house.secrets = JSON.parse(await readFile(join(house.data, 'credentials.json'), 'utf8'));
    house.mux = new Mux({
      baseURL: said.url,
      tokenId: house.secrets.token_id,
      tokenSecret: house.secrets.token_secret,
      webhookSecret: house.secrets.webhook_secret,
      jwtSigningKey: house.secrets.signing_key,
      jwtPrivateKey: house.secrets.private_key,
      maxRetries: 0,
    });
    return house;
  }

  /** Webhooks so far, each checked and parsed by the library. */
  async webhooks() {
    return Promise.all(this.raw.map(({ body, headers }) => this.mux.webhooks.unwrap(body, headers)));
  }

  /** Waits for a webhook of this type that fits. */
  webhook(type, fits = () => true) {
    return until(type, async () => (await this.webhooks()).find((one) => one.type === type && fits(one)));
  }

  /** ffmpeg as an encoder: a test card and a tone, until it is stopped. */
  push(streamKey) {
    const picture = ['-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=25'];
    const sound = ['-f', 'lavfi', '-i', 'sine=frequency=440'];
    const codecs = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '25', '-pix_fmt', 'yuv420p'];
    const to = ['-c:a', 'aac', '-ar', '48000', '-f', 'flv', `${this.rtmp}/${streamKey}`];
    const options = { stdio: ['ignore', 'ignore', 'inherit'] };
    const child = spawn('ffmpeg', ['-nostdin', '-v', 'error', '-re', ...picture, ...sound, ...codecs, ...to], options);
    this.children.push(child);
    return child;
  }

  /** The media playlist behind an address, and the status that came instead. */
  async playlist(url) {
    const master = await fetch(url);
    if (!master.ok) return { status: master.status };
    const uri = (await master.text()).split('\n').findLast((line) => line && !line.startsWith('#'));
    const media = await fetch(new URL(uri, url));
    return { status: media.status, text: await media.text(), url: media.url };
  }

  async close() {
    for (const child of this.children.reverse()) {
      if (child.exitCode === null && child.signalCode === null) {
        const gone = new Promise((done) => child.once('exit', done));
        child.kill('SIGTERM');
        await gone;
      }
    }
    this.server.closeAllConnections();
    this.server.close();
    await rm(this.data, { recursive: true, force: true });
  }
}
