// The server's word on stage and delivery, spoken by the test itself.

/** The server's word for one page: state over the socket, admission by request. Change `answer` to change what is offered. */
export async function standIn(page) {
  const told = { phase: "live", delivery: undefined, move_within_ms: 0, answer: null, asked: [], sockets: new Set() };
  let cursor = 0;
  const state = () => ({
    type: "state",
    cursor: `t${++cursor}`,
    now: Date.now(),
    delivery: told.delivery,
    move_within_ms: told.move_within_ms,
    experience: { id: "x", title: "Live", starts_at: null },
    stream: {
      id: "s1",
      phase: told.phase,
      armed: true,
      starts_at: null,
      live_since: Date.now() - 60_000,
      reconnecting_since: null,
      grace_until: null,
      ended_at: null,
      end_cause: null,
    },
  });
  await page.routeWebSocket(/\/live\//, (socket) => {
    told.sockets.add(socket);
    socket.onMessage(() => undefined);
    socket.onClose(() => told.sockets.delete(socket));
    socket.send(JSON.stringify(state()));
    socket.send(JSON.stringify({ type: "presence", viewers: 3, here: [] }));
  });
  await page.route("**/admission", async (route) => {
    told.asked.push(route.request().postDataJSON());
    const answer = await told.answer(told.asked.length);
    if (!answer) return route.fulfill({ status: 503, json: { code: "unavailable" } });
    return route.fulfill({ json: { livekit: null, hls: null, stream_id: "s1", expires_at: Date.now() + 600_000, ...answer } });
  });
  told.tell = (change) => {
    Object.assign(told, change);
    for (const socket of told.sockets) socket.send(JSON.stringify(state()));
  };
  return told;
}
