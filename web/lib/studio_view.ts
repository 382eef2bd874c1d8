import { phase as phaseWords, studio as words } from "../../config/locales/en.json";
import type { Check } from "../models/checklist";
import { bitrate, count, duration, milliseconds, percent, resolution } from "../models/format";
import {
  type HealthNow,
  isOver,
  onAir,
  type Person,
  type Stream,
  type TimelineEvent,
} from "../models/live_state";
import { momentWords } from "../models/moment";
import type { Grade, Reason, SendFigures } from "../models/send_stats";
import type { StudioState } from "../models/studio";
import { el, fill, icon, setIcon, setText } from "./dom";
import { memory } from "./memory";
import { avatar, peopleRows } from "./people";
import type { DeviceKind, Permission, Sources } from "./sources";

const TARGETS = [
  "announce",
  "camera",
  "cameraButton",
  "cameraVideo",
  "checks",
  "elapsed",
  "end",
  "endDetail",
  "endDialog",
  "endKeep",
  "endSubmit",
  "endTitle",
  "faces",
  "goLive",
  "health",
  "healthHint",
  "howItWent",
  "meter",
  "meterWords",
  "micButton",
  "microphone",
  "nobody",
  "note",
  "noteActions",
  "noteText",
  "onAir",
  "openLobby",
  "people",
  "phase",
  "preview",
  "retry",
  "screenButton",
  "screenVideo",
  "speaker",
  "speakerTest",
  "testBadge",
  "testCardOffer",
  "testCardToggle",
  "timeline",
  "timelineEmpty",
  "trouble",
  "troubleText",
  "viewers",
  "viewersLabel",
] as const;
const SEVERITY: Record<Grade, number> = { idle: 0, good: 1, poor: 2, critical: 3 };
type Target = (typeof TARGETS)[number];

/** Writes what the studio knows into its page; holds no state of its own. */
export class StudioView {
  static readonly targets = TARGETS;

  constructor(private readonly root: HTMLElement) {}

  /** Buttons, badges, preview and troubles from the state. */
  show(state: StudioState, sources: Sources): void {
    const stream = state.stream;
    const over = stream === null || isOver(stream);
    const lobby = stream?.phase === "lobby" && !stream.armed;
    const aired = onAir(stream);
    this.root.dataset.phase = stream?.phase ?? "scheduled";
    this.root.dataset.link = state.link;
    const word = stream
      ? stream.armed && stream.phase === "lobby"
        ? phaseWords.armed
        : phaseWords[stream.phase]
      : phaseWords.scheduled;
    setText(this.at("phase"), word);
    this.at("phase").className =
      `badge ${stream?.phase === "live" ? "badge--live" : stream?.phase === "reconnecting" ? "badge--warn" : lobby ? "badge--accent" : ""}`;
    this.at("openLobby").hidden = !(over || stream?.phase === "scheduled") || state.link !== "off";
    const go = this.at<HTMLButtonElement>("goLive");
    go.hidden = aired && (state.link !== "off" || state.want);
    go.disabled =
      (sources.permission === "asking" && sources.camera === null) ||
      (sources.camera === null && sources.microphone === null && !over);
    busy(go, state.link === "asking" || state.link === "joining");
    // What is only announced is taken back in its settings; there is nothing to end yet.
    this.at("end").hidden = over || stream?.phase === "scheduled";
    setText(this.at("end").querySelector("[data-label]"), lobby ? words.call_off : words.end_stream);
    this.at("onAir").hidden = stream?.phase !== "live";
    this.preview(state, sources);
    this.controls(sources);
    this.trouble(state);
    for (const kind of ["camera", "microphone", "speaker"] as const) this.choices(kind, sources);
  }

  private preview(state: StudioState, sources: Sources): void {
    const preview = this.at("preview");
    const camera = sources.outgoingCamera;
    show(this.at<HTMLVideoElement>("cameraVideo"), camera);
    show(this.at<HTMLVideoElement>("screenVideo"), sources.screen);
    preview.dataset.camera = camera ? "on" : "off";
    preview.dataset.screen = String(sources.screen !== null);
    preview.dataset.mirror = String(!sources.testCard);
    this.at("testBadge").hidden = !sources.testCard;
    const ended = isOver(state.stream) && !sources.camera && !sources.microphone;
    const asking = sources.permission === "asking" && !ended;
    const off = sources.cameraOff && !ended;
    const text = ended
      ? state.stream?.end_cause === "grace_over"
        ? words.ended_grace
        : words.ended
      : asking
        ? words.asking
        : sources.trouble
          ? words[sources.trouble]
          : off
            ? words.camera_off
            : "";
    this.at("note").hidden = camera !== null || sources.screen !== null || text === "";
    setText(this.at("noteText"), text);
    this.at("noteActions").hidden = !(sources.trouble || ended);
    setText(this.at("retry"), ended ? words.leave_test_card : words.retry);
    this.at("howItWent").hidden = !ended;
    this.at("testCardOffer").hidden = ended;
  }

  private controls(sources: Sources): void {
    const mic = this.at<HTMLButtonElement>("micButton");
    mic.disabled = !sources.microphone;
    mic.dataset.off = String(sources.microphoneMuted);
    mic.setAttribute("aria-label", sources.microphoneMuted ? words.unmute_microphone : words.mute_microphone);
    setIcon(mic, sources.microphoneMuted ? "mic-off" : "mic");
    const camera = this.at<HTMLButtonElement>("cameraButton");
    camera.disabled = !sources.camera && !sources.cameraOff;
    camera.dataset.off = String(sources.cameraOff);
    camera.setAttribute("aria-label", sources.cameraOff ? words.camera_turn_on : words.camera_turn_off);
    setIcon(camera, sources.cameraOff ? "camera-off" : "camera");
    const screen = this.at<HTMLButtonElement>("screenButton");
    screen.disabled = !("getDisplayMedia" in (navigator.mediaDevices ?? {}));
    screen.dataset.on = String(sources.screen !== null);
    setText(screen.querySelector("[data-label]"), sources.screen ? words.stop_sharing : words.share_screen);
    setIcon(screen, sources.screen ? "screen-off" : "screen");
    setText(
      this.at("testCardToggle").querySelector("span"),
      sources.testCard ? words.leave_test_card : words.use_test_card,
    );
  }

  private trouble(state: StudioState): void {
    const text = state.elsewhere
      ? words.other_tab
      : state.refusal
        ? state.refusal
        : state.want && state.link !== "on" && state.attempt > 1
          ? words.link_lost
          : "";
    this.at("trouble").hidden = text === "";
    setText(this.at("troubleText"), text);
  }

  private choices(kind: DeviceKind, sources: Sources): void {
    const select = this.at<HTMLSelectElement>(kind);
    const devices = sources.devices[kind];
    const label = words[kind];
    const wanted = devices.map(
      (d, i) => [d.deviceId, d.label || fill(words.device_number, { kind: label, number: i + 1 })] as const,
    );
    const card = sources.testCard && kind !== "speaker" ? [["", words.test_card] as const] : [];
    const found = wanted.length
      ? wanted
      : [["", kind === "speaker" ? words.default_device : words.no_device] as const];
    const options = card.length ? [...card, ...wanted] : found;
    const now = [...select.options].map((o) => `${o.value} ${o.text}`).join("\n");
    if (now !== options.map(([id, name]) => `${id} ${name}`).join("\n"))
      select.replaceChildren(...options.map(([id, name]) => new Option(name, id)));
    select.disabled = wanted.length < 1;
    const track = kind === "camera" ? sources.camera : kind === "microphone" ? sources.microphone : null;
    const used =
      kind === "speaker" ? memory.get("speaker") : card.length ? "" : track?.getSettings().deviceId;
    if (used !== undefined && used !== null && options.some(([id]) => id === used)) select.value = used;
  }

  people(viewers: number, here: Person[], watching: boolean): void {
    setText(this.at("viewers"), count(viewers));
    setText(this.at("viewersLabel"), watching ? words.watching : words.waiting);
    this.at("faces").replaceChildren(...here.slice(0, 5).map(avatar));
    this.at("people").replaceChildren(...peopleRows(viewers, here));
    this.at("nobody").hidden = viewers > 0;
  }

  checks(checks: Check[], permission: Permission): void {
    const list = this.at("checks");
    const rows = checks.map((check) => {
      const row = el("li", "check");
      row.dataset.state = check.state;
      row.append(icon({ wait: "circle", ok: "check", warn: "alert", bad: "alert" }[check.state]));
      row.append(el("strong", "", words.check[check.name]), el("span", "", checkWords(check, permission)));
      return row;
    });
    const text = rows.map((r) => `${r.dataset.state}${r.textContent}`).join();
    if (list.dataset.shown === text) return;
    list.dataset.shown = text;
    list.replaceChildren(...rows);
  }

  timeline(events: TimelineEvent[]): void {
    this.at("timelineEmpty").hidden = events.length > 0;
    this.at("timeline").replaceChildren(
      ...events.map((event) => {
        const row = el("li");
        row.dataset.phase = event.phase;
        row.dataset.event = event.event;
        const time = el("time", "", momentWords(event.at, Date.now(), "clock"));
        time.dateTime = new Date(event.at).toISOString();
        row.append(time, el("p", "", event.words), el("small", "", event.cause_words));
        return row;
      }),
    );
  }

  meter(level: number, hint: string): void {
    const meter = this.at("meter");
    meter.style.setProperty("--level", level.toFixed(3));
    meter.setAttribute("aria-valuenow", String(Math.round(level * 100)));
    setText(this.at("meterWords"), hint || "\u00a0");
  }

  elapsed(ms: number | null): void {
    this.at("elapsed").hidden = ms === null;
    if (ms !== null) setText(this.at("elapsed"), duration(ms));
  }

  health(
    light: Grade,
    reason: Reason,
    f: SendFigures | null,
    onAir_ms: number | null,
    viewers: number,
    server: HealthNow | null = null,
  ): void {
    const lamp = this.at("health");
    // The worse of what this browser and what the server sees; of two alike, what is measured here.
    const told = light !== "idle" && server && SEVERITY[server.grade] > SEVERITY[light] ? server : null;
    lamp.dataset.grade = told?.grade ?? light;
    const reasonWords = words.health[reason];
    if (told) {
      setText(lamp, `${told.grade_words}. ${told.reason_words}`);
      setText(this.at("healthHint"), told.hint_words);
    } else {
      setText(
        lamp,
        light === "idle"
          ? words.health.idle
          : light === "good"
            ? `${words.health.good}. ${words.health.fine}`
            : `${words.health[light]}. ${reasonWords}`,
      );
      setText(this.at("healthHint"), light === "idle" ? words.health.before : reasonWords);
    }
    const figures: Record<string, string> = {
      elapsed: onAir_ms === null ? "–" : duration(onAir_ms),
      viewers: count(viewers),
      bitrate: bitrate(f?.bitrate_bps ?? null),
      fps: count(f?.fps ?? null),
      resolution: resolution(f?.width ?? null, f?.height ?? null),
      loss: percent(f?.loss ?? null),
      rtt: milliseconds(f?.rtt_ms ?? null),
    };
    for (const [name, text] of Object.entries(figures))
      setText(this.root.querySelector(`[data-figure="${name}"]`), text);
  }

  announcePhase(stream: Stream): void {
    const said: Partial<Record<Stream["phase"], string>> = {
      lobby: words.lobby_opened,
      live: words.you_are_live,
      reconnecting: words.link_lost,
      ended: words.ended,
    };
    setText(this.at("announce"), said[stream.phase] ?? "");
  }

  /** Asks before the stream ends, or before the lobby closes without a show. */
  askEnd(viewers: number, stream: Stream | null): void {
    const lobby = stream?.phase === "lobby" && !stream.armed;
    const watched = viewers > 0 ? fill(words.end_watching, { count: count(viewers) }) : words.end_detail;
    setText(this.at("endTitle"), lobby ? words.call_off_title : words.end_title);
    setText(this.at("endDetail"), lobby ? words.call_off_detail : watched);
    setText(this.at("endKeep"), lobby ? words.keep_waiting : words.keep_going);
    setText(this.at("endSubmit"), lobby ? words.call_off : words.end_stream);
    this.at<HTMLDialogElement>("endDialog").showModal();
  }

  speakerId(): string {
    return this.at<HTMLSelectElement>("speaker").value;
  }

  /** Shows work on a button at once, until the act is done. */
  async working(target: Target, act: () => Promise<void>): Promise<void> {
    const button = this.at<HTMLButtonElement>(target);
    if (button.getAttribute("aria-busy") === "true") return;
    busy(button, true);
    try {
      await act();
    } finally {
      busy(button, false);
    }
  }

  private at<T extends HTMLElement = HTMLElement>(target: Target): T {
    const element = this.root.querySelector<T>(`[data-studio-target~="${target}"]`);
    if (!element) throw new Error(`studio: no target "${target}"`);
    return element;
  }
}

function busy(button: HTMLElement, on: boolean): void {
  if (on) button.setAttribute("aria-busy", "true");
  else button.removeAttribute("aria-busy");
}

/** Puts a track on a video element, once. */
function show(video: HTMLVideoElement, track: MediaStreamTrack | null): void {
  const now = video.srcObject instanceof MediaStream ? (video.srcObject.getTracks()[0] ?? null) : null;
  if (now === track) return;
  video.srcObject = track ? new MediaStream([track]) : null;
  if (track) void video.play().catch(() => undefined);
}

function checkWords(check: Check, permission: Permission): string {
  const w = words.check;
  switch (check.name) {
    case "permission":
      return {
        asking: w.permission_wait,
        granted: "",
        refused: w.permission_bad,
        test_card: w.permission_test,
      }[permission];
    case "camera":
      return check.state === "ok" ? "" : w.camera_wait;
    case "microphone":
      return check.state !== "ok" ? w.microphone_wait : permission === "test_card" ? "" : w.microphone_ok;
    case "server":
      return { wait: w.server_wait, ok: w.server_ok, warn: w.server_bad, bad: w.server_bad }[check.state];
    case "uplink": {
      if (check.state === "wait") return w.uplink_wait;
      if (!check.bps) return w.uplink_bad;
      return fill(check.state === "ok" ? w.uplink_ok : w.uplink_low, { speed: bitrate(check.bps) });
    }
  }
}
