// An invented creator in front of an invented camera, for pictures that should look like a show and not like a test card.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

const [WIDTH, HEIGHT, FRAMES] = [1280, 720, 48];

/** The scene at `turn` (0 to 1) of its round: she sways a little, the lamp breathes. */
function scene(turn) {
  const wave = Math.sin(turn * 2 * Math.PI);
  const bars = Array.from({ length: 9 }, (_, i) => {
    const height = 26 + 22 * Math.abs(Math.sin(turn * 2 * Math.PI + i * 1.3));
    return `<rect x="${948 + i * 20}" y="${560 - height}" width="11" height="${height}" rx="5" fill="#ffc46b"/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 1280 720">
  <defs>
    <linearGradient id="wall" x1="0" x2="1" y2="1"><stop stop-color="#4a3566"/><stop offset="1" stop-color="#231a38"/></linearGradient>
    <radialGradient id="lamp"><stop stop-color="#ffd690" stop-opacity=".85"/><stop offset="1" stop-color="#ffb45c" stop-opacity="0"/></radialGradient>
    <linearGradient id="night" y2="1" x2="0"><stop stop-color="#16234d"/><stop offset="1" stop-color="#c9637a"/></linearGradient>
    <linearGradient id="top" y2="1" x2="0"><stop stop-color="#2f8f8a"/><stop offset="1" stop-color="#1d5a60"/></linearGradient>
  </defs>
  <rect width="1280" height="720" fill="url(#wall)"/>
  <rect x="92" y="84" width="300" height="300" rx="12" fill="#1b1430"/><rect x="104" y="96" width="276" height="276" rx="6" fill="url(#night)"/>
  <circle cx="312" cy="160" r="30" fill="#fff3d6"/><path d="M104 330l44-60 36 34 52-86 60 70 38-40 46 58v66H104z" fill="#2a1c45"/>
  <path d="M242 96v276M104 236h276" stroke="#1b1430" stroke-width="8"/>
  <circle cx="1060" cy="210" r="${300 + 10 * wave}" fill="url(#lamp)"/>
  <path d="M1060 60v70" stroke="#1b1430" stroke-width="6"/><path d="M990 190l26-62h88l26 62z" fill="#ffc46b"/><ellipse cx="1060" cy="190" rx="70" ry="10" fill="#fff0cf"/>
  <path d="M880 372h330" stroke="#6d4a53" stroke-width="16" stroke-linecap="round"/>
  ${["#ff8f6b", "#7fb7ff", "#ffd27a", "#b58cff", "#69c9a5", "#ff8f6b"].map((c, i) => `<rect x="${902 + i * 27}" y="${276 + (i % 3) * 12}" width="22" height="${88 - (i % 3) * 12}" rx="3" fill="${c}"/>`).join("")}
  <path d="M1140 364h54l-8-46h-38z" fill="#d9785f"/><path d="M1167 320c-40-30-36-70-30-82 14 12 30 36 30 82zm0 0c38-26 40-60 34-74-16 10-34 32-34 74zm0 0c-6-50 0-84 6-98 10 16 14 58-6 98z" fill="#4fae7f"/>
  <g transform="translate(${6 * wave} ${3 * Math.cos(turn * 4 * Math.PI)})">
    <path d="M452 330c-20-190 60-226 150-226s172 40 150 226c-6 90 30 120 10 190H442c-20-70 16-100 10-190z" fill="#3a1f2b"/>
    <path d="M350 720c0-160 90-210 180-222h144c90 12 180 62 180 222z" fill="url(#top)"/>
    <path d="M546 430h112v74c0 46-112 46-112 0z" fill="#d99a72"/>
    <ellipse cx="602" cy="320" rx="106" ry="132" fill="#f0b78c"/>
    <path d="M494 300c0-96 60-128 116-128 70 0 102 48 100 132-16-54-50-78-82-90-36 46-90 64-134 86z" fill="#3a1f2b"/>
    <ellipse cx="560" cy="326" rx="9" ry="${turn > 0.9 ? 2 : 12}" fill="#2b1a24"/><ellipse cx="646" cy="326" rx="9" ry="${turn > 0.9 ? 2 : 12}" fill="#2b1a24"/>
    <path d="M540 300q20-14 40-2M626 298q20-12 40 2" stroke="#3a1f2b" stroke-width="6" fill="none" stroke-linecap="round"/>
    <path d="M602 336q-12 34 6 38" stroke="#c98460" stroke-width="6" fill="none" stroke-linecap="round"/>
    <path d="M562 396q42 ${34 + 8 * wave} 82 0q-40 14-82 0z" fill="#fff" stroke="#a8474a" stroke-width="5" stroke-linejoin="round"/>
    <ellipse cx="528" cy="378" rx="20" ry="12" fill="#f08f7b" opacity=".5"/><ellipse cx="676" cy="378" rx="20" ry="12" fill="#f08f7b" opacity=".5"/>
    <path d="M478 320C470 90 734 90 726 320" stroke="#17141f" stroke-width="20" fill="none"/>
    <rect x="462" y="290" width="44" height="92" rx="22" fill="#17141f"/><rect x="698" y="290" width="44" height="92" rx="22" fill="#17141f"/>
    <rect x="470" y="304" width="12" height="64" rx="6" fill="#ffc46b"/><rect x="722" y="304" width="12" height="64" rx="6" fill="#ffc46b"/>
  </g>
  <rect y="600" width="1280" height="120" fill="#5b3a3f"/><rect y="600" width="1280" height="10" fill="#7a5153"/>
  <path d="M300 600l60-190 96 26" stroke="#17141f" stroke-width="14" fill="none" stroke-linejoin="round" stroke-linecap="round"/>
  <g transform="rotate(18 470 456)"><rect x="436" y="402" width="68" height="112" rx="34" fill="#2b2738"/><path d="M436 436h68M436 458h68M436 480h68" stroke="#55506b" stroke-width="5"/></g>
  <rect x="916" y="490" width="230" height="116" rx="10" fill="#17141f"/><rect x="928" y="500" width="206" height="96" rx="6" fill="#2b2140"/>${bars.join("")}
</svg>`;
}

/** Draws it in this page into `dir`: gives Chromium's flag for the camera, and a picture that can be a poster. */
export async function drawScene(page, dir) {
  await page.setViewportSize({ width: WIDTH, height: HEIGHT });
  const frames = [];
  for (let i = 0; i < FRAMES; i += 1) {
    await page.setContent(`<body style="margin:0">${scene(i / FRAMES)}</body>`);
    frames.push(await page.screenshot({ type: "jpeg", quality: 90 }));
  }
  const [camera, poster] = [join(dir, "camera.mjpeg"), join(dir, "poster.jpg")];
  await writeFile(camera, Buffer.concat(frames.flatMap((frame) => [frame, frame])));
  await writeFile(poster, frames[0]);
  return { flag: `--use-file-for-fake-video-capture=${camera}`, poster };
}
