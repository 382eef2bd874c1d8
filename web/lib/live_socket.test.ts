import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ServerMessage } from "../models/live_state";
import { LiveSocket, type LiveSocketPort } from "./live_socket";

class FakeSocket {
  static readonly OPEN = 1;
  static all: FakeSocket[] = [];
  static get last(): FakeSocket {
    const socket = FakeSocket.all.at(-1);
    if (!socket) throw new Error("no socket was opened");
    return socket;
  }
  readyState = 0;
  sent: string[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }
  send(text: string): void {
    this.sent.push(text);
  }
  close(): void {
    this.readyState = 3;
  }
  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }
  say(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  lose(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }
}

let online: () => void;
let heard: ServerMessage[];
let refused: string[];
const port: LiveSocketPort = {
  message: (message) => heard.push(message),
  connected: () => undefined,
  refused: (why) => refused.push(why),
};

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.999_999);
  FakeSocket.all = [];
  heard = [];
  refused = [];
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.stubGlobal("location", { protocol: "https:", host: "show.example" });
  vi.stubGlobal("window", {
    setTimeout,
    clearTimeout,
    setInterval,
    clearInterval,
    addEventListener: (_: string, listener: () => void) => {
      online = listener;
    },
    removeEventListener: () => undefined,
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const state = (cursor: string) => ({
  type: "state",
  cursor,
  now: 1,
  experience: { id: "e", title: "", starts_at: null },
  stream: null,
});

describe("live socket", () => {
  it("asks for what it missed since the last state", () => {
    new LiveSocket("e", "viewer", "c0", port);
    expect(FakeSocket.last.url).toBe("wss://show.example/live/e?cursor=c0&as=viewer");
    FakeSocket.last.open();
    FakeSocket.last.say(state("c7"));
    FakeSocket.last.lose();
    vi.advanceTimersByTime(250);
    expect(FakeSocket.last.url).toContain("cursor=c7");
  });

  it("waits longer each time, and starts over once it heard something", () => {
    new LiveSocket("e", "viewer", "", port);
    for (const pause_ms of [250, 500, 1_000]) {
      const before = FakeSocket.all.length;
      FakeSocket.last.lose();
      vi.advanceTimersByTime(pause_ms - 1);
      expect(FakeSocket.all).toHaveLength(before);
      vi.advanceTimersByTime(1);
      expect(FakeSocket.all).toHaveLength(before + 1);
    }
    FakeSocket.last.open();
    FakeSocket.last.say(state("c1"));
    FakeSocket.last.lose();
    vi.advanceTimersByTime(250);
    expect(FakeSocket.all).toHaveLength(5);
  });

  it("does not come back without access, and says so", () => {
    new LiveSocket("e", "viewer", "", port);
    FakeSocket.last.lose(4403);
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.all).toHaveLength(1);
    expect(refused).toEqual(["access"]);
  });

  it("waits as long as a server that goes away asks for", () => {
    new LiveSocket("e", "viewer", "", port);
    FakeSocket.last.open();
    FakeSocket.last.say({ type: "bye", retry_ms: 3_000 });
    FakeSocket.last.lose(1001);
    vi.advanceTimersByTime(3_249);
    expect(FakeSocket.all).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it("is back at once when the browser is online again", () => {
    new LiveSocket("e", "viewer", "", port);
    FakeSocket.last.lose();
    online();
    expect(FakeSocket.all).toHaveLength(2);
  });

  it("notices a connection that died in silence", () => {
    new LiveSocket("e", "viewer", "", port);
    FakeSocket.last.open();
    vi.advanceTimersByTime(40_000);
    expect(FakeSocket.last.sent).toEqual(['{"type":"ping"}', '{"type":"ping"}']);
    vi.advanceTimersByTime(20_250);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it("leaves nothing running when closed", () => {
    const socket = new LiveSocket("e", "viewer", "", port);
    FakeSocket.last.open();
    socket.close();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.all).toHaveLength(1);
  });
});
