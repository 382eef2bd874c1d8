import { startTicker } from "./ticker";

const WIDTH = 1280;
const HEIGHT = 720;
const FPS = 30;
const BARS = ["#e8e6e3", "#e3c94b", "#4bc6d6", "#52c46a", "#c65fc0", "#d2504c", "#4c62d2"];
const TONE_HZ = 440;
const BEEP_S = 0.12;

/** A moving picture with a clock and a tone: anyone can see the whole thing work without a camera. */
export interface TestCard {
  video: MediaStreamTrack;
  audio: MediaStreamTrack;
  stop(): void;
}

/** Starts a test card, 1280 × 720 at 30 fps with a short beep each second. */
export function startTestCard(title: string): TestCard {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const pen = canvas.getContext("2d", { alpha: false });
  const started = performance.now();
  const draw = (): void => {
    if (pen) paint(pen, title, (performance.now() - started) / 1000);
  };
  draw();
  const stopTicker = startTicker(FPS, draw);
  const video = canvas.captureStream(FPS).getVideoTracks()[0];
  const tone = startTone();
  if (!video) throw new Error("this browser cannot capture a canvas");
  return {
    video,
    audio: tone.track,
    stop() {
      stopTicker();
      video.stop();
      tone.stop();
    },
  };
}

function paint(pen: CanvasRenderingContext2D, title: string, t: number): void {
  const bar = WIDTH / BARS.length;
  BARS.forEach((colour, i) => {
    pen.fillStyle = colour;
    pen.fillRect(Math.floor(i * bar), 0, Math.ceil(bar), HEIGHT * 0.62);
  });
  pen.fillStyle = "#17141f";
  pen.fillRect(0, HEIGHT * 0.62, WIDTH, HEIGHT * 0.38);
  // A disc that swings and a band that runs: a frozen picture shows at a glance.
  const x = WIDTH / 2 + Math.sin(t * 1.3) * WIDTH * 0.38;
  pen.fillStyle = "#17141f";
  pen.beginPath();
  pen.arc(x, HEIGHT * 0.31, 84, 0, Math.PI * 2);
  pen.fill();
  pen.fillStyle = "#ffc46b";
  pen.beginPath();
  pen.moveTo(x, HEIGHT * 0.31);
  pen.arc(x, HEIGHT * 0.31, 72, -Math.PI / 2, -Math.PI / 2 + (t % 1) * Math.PI * 2);
  pen.closePath();
  pen.fill();
  for (let i = 0; i < 32; i++) {
    pen.fillStyle = (i + Math.floor(t * 8)) % 2 ? "#ffc46b" : "#3a3446";
    pen.fillRect(i * (WIDTH / 32), HEIGHT - 24, WIDTH / 32, 24);
  }
  const now = new Date();
  const ms = String(now.getMilliseconds()).padStart(3, "0");
  pen.fillStyle = "#f4f1ec";
  pen.textAlign = "center";
  pen.font = "600 96px ui-monospace, Menlo, Consolas, monospace";
  pen.fillText(`${now.toTimeString().slice(0, 8)}.${ms}`, WIDTH / 2, HEIGHT * 0.8);
  pen.font = "600 36px system-ui, sans-serif";
  pen.fillText(title.slice(0, 60), WIDTH / 2, HEIGHT * 0.9);
}

function startTone(): { track: MediaStreamTrack; stop(): void } {
  const context = new AudioContext();
  const out = context.createMediaStreamDestination();
  const gain = context.createGain();
  gain.gain.value = 0;
  const oscillator = context.createOscillator();
  oscillator.frequency.value = TONE_HZ;
  oscillator.connect(gain).connect(out);
  oscillator.start();
  const beep = (): void => {
    // Without a gesture on the page the browser keeps audio asleep; each beat asks again.
    if (context.state === "suspended") void context.resume().catch(() => undefined);
    const at = context.currentTime;
    gain.gain.cancelScheduledValues(at);
    gain.gain.setTargetAtTime(0.18, at, 0.005);
    gain.gain.setTargetAtTime(0, at + BEEP_S, 0.02);
  };
  const stopBeep = startTicker(1, beep);
  const track = out.stream.getAudioTracks()[0];
  if (!track) throw new Error("this browser makes no sound tracks");
  return {
    track,
    stop() {
      stopBeep();
      oscillator.stop();
      track.stop();
      void context.close();
    },
  };
}
