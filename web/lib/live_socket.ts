import { SOCKET_BACKOFF, wait_ms } from "../models/backoff";
import { parseMessage, type ServerMessage } from "../models/live_state";

/** Keeps the connection known to be alive; the server closes after 45 s of silence. */
const PING_MS = 20_000;
/** No word from the server for this long: the connection is dead, whatever the browser thinks. */
const SILENCE_MS = 45_000;
/** Close codes after which asking again is pointless: no access, gone. */
const FINAL_CODES = new Map<number, "access" | "gone">([
  [4403, "access"],
  [4404, "gone"],
]);

export interface LiveSocketPort {
  message(message: ServerMessage): void;
  /** The connection is up or down; pages may tell. */
  connected(up: boolean): void;
  /** It will not come back. */
  refused(why: "access" | "gone"): void;
}

/**
 * The page's one connection to the server: catches up by cursor after each reconnect, retries with full jitter from
 * 0.25 s to 10 s, at once when the browser is back online. `close()` leaves nothing running.
 */
export class LiveSocket {
  #socket: WebSocket | null = null;
  #cursor: string;
  #attempt = 0;
  #retry = 0;
  #ping = 0;
  #heardAt = 0;
  #closed = false;
  #byeMs: number | null = null;
  #watching: "webrtc" | "hls" | null = null;

  constructor(
    private readonly experienceId: string,
    private readonly as: "viewer" | "host",
    cursor: string,
    private readonly port: LiveSocketPort,
  ) {
    this.#cursor = cursor;
    window.addEventListener("online", this.#online);
    this.#open();
  }

  /** Says what is shown now; it is said again after each reconnect. */
  watching(delivery: "webrtc" | "hls" | null): void {
    if (delivery === this.#watching) return;
    this.#watching = delivery;
    if (this.#socket?.readyState === WebSocket.OPEN) this.#tellWatching(this.#socket);
  }

  #tellWatching(socket: WebSocket): void {
    socket.send(JSON.stringify({ type: "watching", delivery: this.#watching }));
  }

  /** Ends for good. */
  close(): void {
    this.#closed = true;
    window.removeEventListener("online", this.#online);
    window.clearTimeout(this.#retry);
    this.#drop();
  }

  readonly #online = (): void => {
    if (this.#socket?.readyState === WebSocket.OPEN) return;
    this.#attempt = 0;
    this.#open();
  };

  #open(): void {
    if (this.#closed) return;
    window.clearTimeout(this.#retry);
    this.#drop();
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const query = new URLSearchParams({ cursor: this.#cursor, as: this.as });
    const socket = new WebSocket(
      `${scheme}://${location.host}/live/${encodeURIComponent(this.experienceId)}?${query}`,
    );
    this.#socket = socket;
    socket.onopen = () => {
      this.#heardAt = performance.now();
      this.#ping = window.setInterval(() => this.#beat(socket), PING_MS);
      if (this.#watching) this.#tellWatching(socket);
      this.port.connected(true);
    };
    socket.onmessage = (event) => this.#heard(String(event.data));
    socket.onclose = (event) => this.#lost(event.code);
  }

  #beat(socket: WebSocket): void {
    if (performance.now() - this.#heardAt > SILENCE_MS) {
      this.#drop();
      this.#lost(1006);
    } else if (socket.readyState === WebSocket.OPEN) socket.send('{"type":"ping"}');
  }

  #heard(text: string): void {
    this.#heardAt = performance.now();
    const message = parseMessage(text);
    if (!message) return;
    this.#attempt = 0;
    if (message.type === "state") this.#cursor = message.cursor;
    if (message.type === "bye") this.#byeMs = message.retry_ms;
    this.port.message(message);
  }

  #lost(code: number): void {
    this.#drop();
    this.port.connected(false);
    const final = FINAL_CODES.get(code);
    if (final) {
      this.close();
      this.port.refused(final);
      return;
    }
    if (this.#closed) return;
    const jitter = wait_ms(this.#attempt, Math.random(), SOCKET_BACKOFF);
    const pause_ms = (this.#byeMs ?? 0) + jitter;
    this.#byeMs = null;
    this.#attempt += 1;
    this.#retry = window.setTimeout(() => this.#open(), pause_ms);
  }

  #drop(): void {
    window.clearInterval(this.#ping);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
  }
}
