import { Controller } from "@hotwired/stimulus";
import { studio as words } from "../../config/locales/en.json";
import { api, Refused } from "../lib/api";
import { DeliveryView } from "../lib/delivery_view";
import { fill } from "../lib/dom";
import { LiveSocket } from "../lib/live_socket";
import { loadLiveKit } from "../lib/livekit";
import { memory } from "../lib/memory";
import { MicMeter } from "../lib/mic_meter";
import { askServer, measureUplink } from "../lib/preflight";
import { Sources } from "../lib/sources";
import { playTestSound } from "../lib/speaker_test";
import { Stage } from "../lib/stage";
import { holdStage } from "../lib/stage_lock";
import { StudioView } from "../lib/studio_view";
import { toast } from "../lib/toast";
import { MEDIA_BACKOFF, wait_ms } from "../models/backoff";
import { checklist, type Observed } from "../models/checklist";
import { heardBack, isDead, type LinkSample } from "../models/link_watch";
import {
  type ForHosts,
  isOver,
  onAir,
  type Person,
  type ServerMessage,
  type StateMessage,
  type Stream,
  type TimelineEvent,
} from "../models/live_state";
import {
  grade,
  type PublisherSample,
  publisherSample,
  type SendSample,
  sendFigures,
} from "../models/send_stats";
import {
  type PublisherToken,
  STUDIO_INITIAL,
  type StudioEffect,
  type StudioEvent,
  type StudioState,
  studio,
} from "../models/studio";

const STATS_MS = 1_000;
const METER_MS = 80;
/** Between two samples of how we send, for the server. */
const HEALTH_MS = 5_000;
/** Louder than a quiet room. */
const HEARD_LEVEL = 0.35;
const SILENCE_BEFORE_HINT_MS = 6_000;

/** The studio: wires devices (Sources), the way on air (models/studio.ts with Stage) and what is seen (StudioView). */
export class StudioController extends Controller<HTMLElement> {
  static override targets = [...StudioView.targets];
  static override values = { state: Object, watch: String };
  declare readonly stateValue: Partial<StateMessage>;

  #state: StudioState = STUDIO_INITIAL;
  #sources!: Sources;
  #stage!: Stage;
  #view!: StudioView;
  #deliveryView!: DeliveryView;
  #seen: ForHosts | null = null;
  #socket: LiveSocket | null = null;
  #meter = new MicMeter();
  #metered: MediaStreamTrack | null = null;
  #observed: Observed = {
    permission: "asking",
    picture: false,
    heard: false,
    sound: false,
    server: "asking",
    uplink_bps: null,
  };
  #sample: SendSample | null = null;
  #healthTold = 0;
  #heardBack: LinkSample | null = null;
  #pause = 0;
  #timers: number[] = [];
  #turn = 0;
  #alone = false;
  /** The stream whose room was (or could not be) made ready. */
  #warmed: string | null = null;
  #skew = 0;
  #heardAt = performance.now();
  #events: TimelineEvent[] = [];
  #here: Person[] = [];
  #viewers = 0;

  override connect(): void {
    const title = this.stateValue.experience?.title ?? "";
    this.#view = new StudioView(this.element);
    this.#deliveryView = new DeliveryView(this.element);
    this.#sources = new Sources(title, {
      changed: () => this.#sourcesChanged(),
      unplugged: (name) => toast(fill(words.lost_device, { name })),
    });
    this.#stage = new Stage({ dropped: (elsewhere) => this.#dispatch({ type: "dropped", elsewhere }) });
    window.addEventListener("online", this.#online);
    window.addEventListener("pagehide", this.#leavePage);
    window.addEventListener("pageshow", this.#restored);
    window.addEventListener("beforeunload", this.#warn);
    this.#timers = [
      window.setInterval(() => void this.#everySecond(), STATS_MS),
      window.setInterval(() => this.#listen(), METER_MS),
    ];
    void this.#start();
    void this.checkAgain();
    void loadLiveKit().catch(() => undefined);
  }

  override disconnect(): void {
    this.#leavePage();
    for (const timer of this.#timers) window.clearInterval(timer);
    window.clearTimeout(this.#pause);
    window.removeEventListener("online", this.#online);
    window.removeEventListener("pagehide", this.#leavePage);
    window.removeEventListener("pageshow", this.#restored);
    window.removeEventListener("beforeunload", this.#warn);
    this.#socket?.close();
    this.#meter.close();
  }

  // What the creator does

  async openLobby(): Promise<void> {
    await this.#view.working("openLobby", () => this.#post("lobby"));
  }

  async goLive(): Promise<void> {
    if (!this.#sources.camera && !this.#sources.microphone) await this.#sources.open();
    if (!this.#sources.camera && !this.#sources.microphone) {
      toast(words[this.#sources.trouble ?? "none"], "bad");
      return;
    }
    this.#dispatch({ type: "go_live" });
  }

  askEnd(): void {
    this.#view.askEnd(this.#viewers, this.#state.stream);
  }

  async end(): Promise<void> {
    await this.#view.working("end", () => this.#post("end"));
  }

  async chooseDelivery(event: Event): Promise<void> {
    const choice = (event.target as HTMLInputElement).value as "auto" | "webrtc" | "hls";
    const stream = this.#state.stream;
    if (!stream) return;
    try {
      await api("POST", `/api/v1/streams/${encodeURIComponent(stream.id)}/delivery`, { choice });
      if (this.#seen) this.#seen.delivery.choice = choice;
    } catch (error) {
      toast((error as Refused).detail || words.no_server, "bad");
      if (this.#seen) this.#deliveryView.show(this.#seen.delivery);
    }
  }

  async chooseCamera(event: Event): Promise<void> {
    const id = (event.target as HTMLSelectElement).value;
    if (id) await this.#try(() => this.#sources.chooseCamera(id));
  }

  async chooseMicrophone(event: Event): Promise<void> {
    const id = (event.target as HTMLSelectElement).value;
    if (id) await this.#try(() => this.#sources.chooseMicrophone(id));
  }

  chooseSpeaker(event: Event): void {
    memory.set("speaker", (event.target as HTMLSelectElement).value);
  }

  async testSpeaker(): Promise<void> {
    await playTestSound(this.#view.speakerId()).catch(() => undefined);
  }

  useTestCard(): void {
    this.#sources.useTestCard();
  }

  async toggleTestCard(): Promise<void> {
    if (!this.#sources.testCard) this.#sources.useTestCard();
    else await this.#try(() => this.#sources.useCamera());
  }

  async retryDevices(): Promise<void> {
    memory.set("test_card", null);
    await this.#sources.open();
  }

  toggleMicrophone(): void {
    this.#sources.muteMicrophone(!this.#sources.microphoneMuted);
  }

  async toggleCamera(): Promise<void> {
    await this.#try(() => this.#sources.turnCamera(this.#sources.cameraOff));
  }

  async toggleScreen(): Promise<void> {
    if (this.#sources.screen) this.#sources.stopScreen();
    else await this.#sources.shareScreen().catch(() => toast(words.share_failed, "bad"));
  }

  async checkAgain(): Promise<void> {
    this.#observe({ server: "asking", uplink_bps: null });
    this.#observe({ server: (await askServer()) ? "ok" : "bad" });
    // Measuring while on air would take the line from the show.
    if (!onAir(this.#state.stream)) this.#observe({ uplink_bps: await measureUplink() });
  }

  // The way on air

  async #start(): Promise<void> {
    const state = this.stateValue;
    this.#alone = await holdStage(this.#experienceId);
    if (!this.#alone) this.#state = { ...this.#state, elsewhere: true };
    const stream = state.stream ?? null;
    const devices = this.#sources.open();
    // Coming back on air: the media first, then the token, so that publishing has something to publish.
    if (onAir(stream) && this.#mine(stream)) await devices;
    this.#hear(stream, state.now ?? Date.now());
    this.#see(state.studio);
    this.#socket = new LiveSocket(this.#experienceId, "host", state.cursor ?? "", {
      message: (message) => this.#message(message),
      connected: (up) => this.element.toggleAttribute("data-connected", up),
      refused: () => location.reload(),
    });
    if (stream) void this.#loadTimeline(stream.id);
  }

  #message(message: ServerMessage): void {
    switch (message.type) {
      case "state":
        this.#hear(message.stream, message.now);
        this.#see(message.studio);
        return;
      case "presence":
        this.#viewers = message.viewers;
        this.#here = message.here;
        this.#show();
        return;
      case "timeline":
        this.#events = merge(this.#events, [message.event]);
        this.#view.timeline(this.#events);
        return;
      case "access":
      case "bye":
      case "pong":
        return;
    }
  }

  #hear(stream: Stream | null, now: number): void {
    this.#skew = now - Date.now();
    const before = this.#state.stream;
    if (stream && stream.id !== before?.id) {
      this.#events = [];
      this.#view.timeline([]);
      void this.#loadTimeline(stream.id);
    }
    this.#dispatch({ type: "state", stream, mine: this.#alone && this.#mine(stream) });
    if (isOver(stream)) this.#stage.leave();
    else if (stream?.phase === "lobby" && !stream.armed && stream.id !== this.#warmed)
      void this.#warmUp(stream.id);
    if (stream && before && stream.phase !== before.phase) this.#view.announcePhase(stream);
  }

  #see(seen: ForHosts | undefined): void {
    if (!seen) return;
    this.#seen = seen;
    this.#deliveryView.show(seen.delivery);
  }

  #dispatch(event: StudioEvent): void {
    const [state, effects] = studio(this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
    this.#show();
  }

  #perform(effect: StudioEffect): void {
    switch (effect.type) {
      case "ask_go_live":
        void this.#ask("go-live");
        return;
      case "ask_token":
        void this.#ask("publisher-token");
        return;
      case "publish":
        void this.#publish(effect.token);
        return;
      case "observe":
        void this.#tellServer(effect.stream_id);
        return;
      case "leave":
        this.#turn += 1;
        this.#sample = null;
        this.#heardBack = null;
        this.#stage.leave();
        return;
      case "pause":
        this.#pause = window.setTimeout(
          () => this.#dispatch({ type: "pause_over" }),
          wait_ms(effect.attempt, Math.random(), MEDIA_BACKOFF),
        );
        return;
      case "end_pause":
        window.clearTimeout(this.#pause);
        return;
      case "release":
        this.#sources.release();
        return;
    }
  }

  async #ask(what: "go-live" | "publisher-token"): Promise<void> {
    const turn = ++this.#turn;
    try {
      const token = await api<PublisherToken>("POST", this.#path(what));
      if (turn !== this.#turn) return;
      memory.set("on_stage", token.stream_id);
      this.#dispatch({ type: "token", token });
    } catch (error) {
      if (turn !== this.#turn) return;
      const refused = error instanceof Refused ? error : new Refused(0, "unreachable", "");
      // A restart or a moment without server is waited out; a refusal to Go live is told.
      const final =
        refused.status === 401 || refused.status === 403 || refused.status === 404 || what === "go-live";
      this.#dispatch({
        type: "token_failed",
        code: refused.code,
        detail: refused.detail || words.no_server,
        final,
      });
    }
  }

  async #publish(token: PublisherToken): Promise<void> {
    const turn = this.#turn;
    try {
      await this.#stage.set(this.#outgoing());
      await this.#stage.join(token.stream_id, token.livekit.url, token.livekit.token);
      if (turn !== this.#turn) return;
      this.#dispatch({ type: "published" });
    } catch {
      if (turn === this.#turn) this.#dispatch({ type: "dropped", elsewhere: false });
    }
  }

  /** While people wait in the lobby, the connection is made ready: Go live then only publishes. */
  async #warmUp(streamId: string): Promise<void> {
    this.#warmed = streamId;
    if (!this.#alone || this.#state.link !== "off") return;
    const token = await api<PublisherToken>("POST", this.#path("publisher-token")).catch(() => null);
    if (token && token.stream_id === this.#state.stream?.id && this.#state.link === "off")
      await this.#stage.prepare(token.stream_id, token.livekit.url, token.livekit.token);
  }

  async #tellServer(streamId: string): Promise<void> {
    await api("POST", `/api/v1/streams/${encodeURIComponent(streamId)}/observe`).catch(() => undefined);
  }

  async #post(what: "lobby" | "end"): Promise<void> {
    try {
      await api("POST", this.#path(what));
    } catch (error) {
      toast((error as Refused).detail || words.no_server, "bad");
    }
  }

  async #loadTimeline(streamId: string): Promise<void> {
    const answer = await api<{ events: TimelineEvent[] }>(
      "GET",
      `/api/v1/streams/${encodeURIComponent(streamId)}/timeline`,
    ).catch(() => null);
    if (!answer || streamId !== (this.#state.stream?.id ?? streamId)) return;
    this.#events = merge(answer.events, this.#events);
    this.#view.timeline(this.#events);
  }

  // Devices, meter, figures

  #outgoing() {
    const s = this.#sources;
    return {
      camera: s.outgoingCamera,
      microphone: s.microphone,
      screen: s.screen,
      microphoneMuted: s.microphoneMuted,
    };
  }

  #sourcesChanged(): void {
    const s = this.#sources;
    if (s.microphone !== this.#metered) {
      this.#metered = s.microphone;
      this.#meter.listen(s.microphone);
      this.#heardAt = performance.now();
    }
    this.#observed = {
      ...this.#observed,
      permission: s.permission,
      picture: s.outgoingCamera !== null,
      sound: s.microphone !== null,
    };
    const screenChanged = this.element.dataset.sharing !== String(s.screen !== null);
    this.element.dataset.sharing = String(s.screen !== null);
    void this.#stage
      .set(this.#outgoing())
      .then(() => {
        if (screenChanged && this.#state.link === "on" && this.#state.stream)
          return this.#tellServer(this.#state.stream.id);
      })
      .catch((error: unknown) => console.error("change of what goes out failed", error));
    this.#show();
  }

  #listen(): void {
    const level = this.#meter.level();
    const muted = this.#sources.microphoneMuted;
    if (level > HEARD_LEVEL) {
      this.#heardAt = performance.now();
      if (!this.#observed.heard) this.#observe({ heard: true });
    }
    const silent = performance.now() - this.#heardAt > SILENCE_BEFORE_HINT_MS;
    const hint = !this.#sources.microphone
      ? ""
      : muted
        ? words.mic_muted
        : silent
          ? words.mic_silent
          : this.#observed.heard
            ? words.mic_good
            : "";
    this.#view.meter(muted ? 0 : level, hint);
  }

  async #everySecond(): Promise<void> {
    const stream = this.#state.stream;
    const onAir_ms =
      stream?.live_since && !isOver(stream) ? Date.now() + this.#skew - stream.live_since : null;
    this.#view.elapsed(onAir_ms);
    if (this.#state.link !== "on") {
      this.#view.health("idle", "fine", null, onAir_ms, this.#viewers);
      return;
    }
    const entries = await this.#stage.stats().catch(() => []);
    if (this.#state.link !== "on") return;
    const now = performance.now();
    this.#heardBack = heardBack(entries, now, this.#heardBack);
    if (isDead(this.#heardBack, now)) {
      this.#heardBack = null;
      this.#stage.leave();
      this.#dispatch({ type: "dropped", elsewhere: false });
      return;
    }
    const [figures, sample] = sendFigures(entries, now, this.#sample);
    this.#sample = sample;
    const cameraOff = this.#sources.cameraOff && !this.#sources.screen;
    this.#tellHealth(stream, publisherSample(figures, cameraOff), now);
    const { grade: light, reason } = grade(figures, cameraOff);
    this.#view.health(light, reason, figures, onAir_ms, this.#viewers, this.#seen?.health ?? null);
  }

  /** The server keeps a report of how it went; a sample that gets lost is no harm. */
  #tellHealth(stream: Stream | null, sample: PublisherSample, now: number): void {
    if (stream?.phase !== "live" || now - this.#healthTold < HEALTH_MS) return;
    this.#healthTold = now;
    void api("POST", `/api/v1/streams/${encodeURIComponent(stream.id)}/health`, sample).catch(
      () => undefined,
    );
  }

  #observe(change: Partial<Observed>): void {
    this.#observed = { ...this.#observed, ...change };
    this.#view.checks(checklist(this.#observed), this.#observed.permission);
  }

  #show(): void {
    this.#view.show(this.#state, this.#sources);
    this.#view.people(this.#viewers, this.#here, onAir(this.#state.stream));
    this.#view.checks(checklist(this.#observed), this.#observed.permission);
  }

  async #try(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      const name = (error as DOMException).name;
      toast(
        name === "NotAllowedError" ? words.refused : name === "NotReadableError" ? words.busy : words.none,
        "bad",
      );
      this.#show();
    }
  }

  #mine(stream: Stream | null): boolean {
    return stream !== null && memory.get("on_stage") === stream.id;
  }

  #path(what: string): string {
    return `/api/v1/experiences/${encodeURIComponent(this.#experienceId)}/${what}`;
  }

  get #experienceId(): string {
    return this.element.dataset.experienceId ?? "";
  }

  readonly #online = (): void => this.#dispatch({ type: "online" });

  readonly #leavePage = (): void => {
    this.#stage.leave();
    this.#sources.close();
  };

  /** A page out of the browser's history has let its devices go: begin anew. */
  readonly #restored = (event: PageTransitionEvent): void => {
    if (event.persisted) location.reload();
  };

  readonly #warn = (event: BeforeUnloadEvent): void => {
    if (this.#state.want && onAir(this.#state.stream)) event.preventDefault();
  };
}

/** Both lists by time, an event that stands in both once. */
function merge(a: TimelineEvent[], b: TimelineEvent[]): TimelineEvent[] {
  const known = new Map<string, TimelineEvent>();
  for (const event of [...a, ...b]) known.set(`${event.at} ${event.event} ${event.words}`, event);
  return [...known.values()].sort((x, y) => x.at - y.at);
}
