// What a person in front of the player would see and hear, noted in the page on every repaint.

/** Runs in the page: begins to watch. */
export function beWatched() {
  const player = document.querySelector("live-player");
  const media = [...player.querySelectorAll("video, audio")];
  const watch = { swaps: [], wrong: new Set() };
  window.watched = watch;
  player.addEventListener("delivery-changed", (event) => {
    watch.swaps.push(event.detail);
    if (player.dataset.delivery !== event.detail.to) watch.wrong.add("data-delivery is not true");
  });
  // While a video seeks it goes on showing the last picture that it painted (HTML, "the video element"): black is one that has
  // none, as before its first or after its source was taken away.
  const isBlack = (video) =>
    video.videoWidth === 0 || (video.readyState < 2 && !(video.seeking && video.getVideoPlaybackQuality().totalVideoFrames > 0));
  const sounding = () => media.filter((one) => !one.muted && one.volume > 0 && !one.paused && (one.srcObject || one.currentSrc));
  window.sounding = sounding;
  const look = () => {
    const main = player.querySelector('[data-part="main"]');
    const showing = player.dataset.state === "live";
    if (sounding().length > 1) watch.wrong.add(`two sounds: ${sounding().map((one) => one.dataset.part)}`);
    if (showing && sounding().length === 0) watch.wrong.add("no sound");
    if (showing && main.paused) watch.wrong.add("paused");
    if (showing && isBlack(main)) watch.wrong.add(`a black picture (readyState ${main.readyState}, seeking ${main.seeking}, ${main.videoWidth} wide)`);
    if (showing && getComputedStyle(main).zIndex !== "1") watch.wrong.add("the wrong one is on top");
    requestAnimationFrame(look);
  };
  look();
}

/** Runs in the page: what was noted since the last time. */
export function outlook() {
  const { swaps, wrong } = window.watched;
  const noted = { swaps: [...swaps], wrong: [...wrong], heard: window.sounding().map((one) => one.dataset.part).join() };
  swaps.length = 0;
  wrong.clear();
  return noted;
}
