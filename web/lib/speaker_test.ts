/** Two soft notes on the chosen loudspeaker (where the browser lets pages choose). */
export async function playTestSound(speakerId: string): Promise<void> {
  const context = new AudioContext();
  const out = context.createMediaStreamDestination();
  const element = new Audio() as HTMLAudioElement & { setSinkId?: (id: string) => Promise<void> };
  element.srcObject = out.stream;
  if (speakerId && element.setSinkId) await element.setSinkId(speakerId).catch(() => undefined);
  await element.play();
  const at = context.currentTime;
  for (const [i, hz] of [523.25, 659.25].entries()) {
    const gain = context.createGain();
    const note = context.createOscillator();
    const start = at + i * 0.28;
    note.frequency.value = hz;
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(0.2, start + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.001, start + 0.5);
    note.connect(gain).connect(out);
    note.start(start);
    note.stop(start + 0.55);
    if (i === 1)
      note.onended = () => {
        element.srcObject = null;
        void context.close();
      };
  }
}
