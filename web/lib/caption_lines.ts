/** Height of a line of captions as a share of the picture, as browsers draw them. */
const LINE = 0.06;

/** Keeps captions above the controls: cues that count from the bottom are moved up. (hls.js makes "auto" a -1.) */
export function liftCaptions(video: HTMLVideoElement, bar_px: () => number): void {
  const lift = (track: TextTrack): void => {
    const lines = Math.ceil(bar_px() / Math.max(1, video.clientHeight * LINE));
    for (const cue of track.activeCues ?? [])
      if (cue instanceof VTTCue && cue.snapToLines && (cue.line === "auto" || Number(cue.line) < 0))
        cue.line = -1 - lines;
  };
  video.textTracks.addEventListener("addtrack", (event) => {
    const { track } = event;
    if (!track || (track.kind !== "captions" && track.kind !== "subtitles")) return;
    track.addEventListener("cuechange", () => lift(track));
  });
}
