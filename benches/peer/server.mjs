// The peer of `bin/bench admission`: no session, no access check, only the token, as LiveKit's guide for Node does it.
import express from "express";
import { AccessToken } from "livekit-server-sdk";

const app = express();
app.use(express.json());
app.post("/token", async (_request, response) => {
  const token = new AccessToken("devkey", "devsecret-devsecret-devsecret-32b", { identity: "viewer", ttl: "10m" });
  token.addGrant({ roomJoin: true, room: "room", canPublish: false, canPublishData: false, canSubscribe: true });
  response.json({ token: await token.toJwt() });
});
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
