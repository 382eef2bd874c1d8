// A clock that is painted into the picture and read back from it: how old is what is on the screen?

/** Runs in the studio's page before anything else: the camera shows 24 black or white fields, the low bits of the time in ms. */
export function paintClock() {
  const [width, height, bits] = [1280, 720, 24];
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = new MediaStream();
    if (wanted.video) {
      const canvas = Object.assign(document.createElement("canvas"), { width, height });
      const pen = canvas.getContext("2d", { alpha: false });
      const paint = () => {
        const now = Date.now() % 2 ** bits;
        pen.fillStyle = "#345";
        pen.fillRect(0, 0, width, height);
        pen.fillStyle = "#fc6";
        pen.fillRect(now % width, 300, 120, 120);
        for (let bit = 0; bit < bits; bit += 1) {
          pen.fillStyle = (now >> bit) & 1 ? "#fff" : "#000";
          pen.fillRect(40 + bit * 50, 40, 50, 120);
        }
      };
      paint();
      setInterval(paint, 1000 / 30);
      for (const track of canvas.captureStream(30).getVideoTracks()) stream.addTrack(track);
    }
    if (wanted.audio) {
      const context = new AudioContext();
      const tone = context.createOscillator();
      const out = context.createMediaStreamDestination();
      tone.connect(out);
      tone.start();
      for (const track of out.stream.getAudioTracks()) stream.addTrack(track);
    }
    return stream;
  };
}

/** Runs in the viewer's page: for each of the next `count` pictures, how many ms ago it was painted in the studio. */
export async function readClock(count) {
  const [width, bits] = [1280, 24];
  const video = document.querySelector('live-player [data-part="main"]');
  const canvas = Object.assign(document.createElement("canvas"), { width: bits, height: 1 });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const ages = [];
  while (ages.length < count) {
    await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    const now = Date.now();
    const scale = video.videoWidth / width;
    // The middle of each field becomes one pixel.
    for (let bit = 0; bit < bits; bit += 1) pen.drawImage(video, (60 + bit * 50) * scale, 80 * scale, 10 * scale, 30 * scale, bit, 0, 1, 1);
    const { data } = pen.getImageData(0, 0, bits, 1);
    let painted = 0;
    for (let bit = 0; bit < bits; bit += 1) if (data[bit * 4] > 128) painted += 2 ** bit;
    const age = (now - painted + 2 ** bits) % 2 ** bits;
    if (age < 60_000) ages.push(age);
  }
  return ages;
}
