// Mux's own library does our whole sequence against the origin: a show from creation to clip, with signed playback.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Mux from '@mux/mux-node';
import { House, until } from './house.mjs';

let house;
let mux;
let stream;
let asset;

before(async () => {
  house = await House.open();
  mux = house.mux;
});
after(() => house?.close());

const video = () => mux.video;

test('the token is accepted, and a wrong one refused as the library expects', async () => {
  const me = await mux.system.utilities.whoami();
  assert.equal(me.environment_id, house.secrets.environment_id);
  const stranger = new Mux({ baseURL: house.url, tokenId: 'a', tokenSecret: 'b', maxRetries: 0 });
  await assert.rejects(stranger.video.liveStreams.list(), Mux.AuthenticationError);
});

test('a live stream is created as we create it', async () => {
  stream = await video().liveStreams.create({
    latency_mode: 'low',
    playback_policies: ['signed'],
    reconnect_window: 30,
    passthrough: 'our stream',
    new_asset_settings: { playback_policies: ['signed'], passthrough: 'our stream' },
    simulcast_targets: [{ url: 'rtmp://127.0.0.1:9/app', stream_key: 'dead', passthrough: 'nowhere' }],
  });
  assert.equal(stream.status, 'idle');
  assert.equal(stream.reconnect_window, 30);
  assert.match(stream.created_at, /^\d+$/);
  assert.equal(stream.playback_ids[0].policy, 'signed');
  assert.equal(stream.simulcast_targets[0].status, 'idle');
  assert.deepEqual(await video().liveStreams.retrieve(stream.id), stream);
});

test('lists are paged by the library', async () => {
  const made = [];
  for (let n = 0; n < 3; n += 1) made.push((await video().liveStreams.create({ passthrough: `${n}` })).id);
  const seen = [];
  for await (const one of video().liveStreams.list({ limit: 2 })) seen.push(one.id);
  assert.deepEqual(seen, [...made.reverse(), stream.id]);
  assert.equal((await video().liveStreams.list({ stream_key: stream.stream_key })).data.length, 1);
  for (const id of made) await video().liveStreams.delete(id);
  await assert.rejects(video().liveStreams.retrieve(made[0]), Mux.NotFoundError);
});

test('playback ids and targets come and go', async () => {
  const id = await video().liveStreams.createPlaybackId(stream.id, { policy: 'public' });
  assert.deepEqual(await video().liveStreams.retrievePlaybackId(stream.id, id.id), id);
  const owner = await video().playbackIds.retrieve(id.id);
  assert.deepEqual(owner.object, { type: 'live_stream', id: stream.id });
  await video().liveStreams.deletePlaybackId(stream.id, id.id);
  const target = await video().liveStreams.createSimulcastTarget(stream.id, { url: 'rtmps://a.example.com/app', stream_key: 'k' });
  assert.deepEqual(await video().liveStreams.retrieveSimulcastTarget(stream.id, target.id), target);
  await video().liveStreams.deleteSimulcastTarget(stream.id, target.id);
});

test('a stream is changed, disabled, enabled and gets a new key', async () => {
  const patched = await video().liveStreams.update(stream.id, { reconnect_window: 20 });
  assert.equal(patched.reconnect_window, 20);
  await video().liveStreams.disable(stream.id);
  assert.equal((await video().liveStreams.retrieve(stream.id)).status, 'disabled');
  await video().liveStreams.enable(stream.id);
  const renewed = await video().liveStreams.resetStreamKey(stream.id);
  assert.notEqual(renewed.stream_key, stream.stream_key);
  stream = renewed;
});

test('what cannot be used is an error of the kind that the library knows', async () => {
  await assert.rejects(video().liveStreams.create({ reconnect_window: 5_000 }), (error) => {
    assert(error instanceof Mux.BadRequestError);
    assert.equal(error.error.error.type, 'invalid_parameters');
    return true;
  });
  await assert.rejects(video().liveStreams.complete(stream.id), Mux.UnprocessableEntityError);
});

test('ffmpeg publishes, and the stream becomes active', async () => {
  house.encoder = house.push(stream.stream_key);
  const active = await house.webhook('video.live_stream.active');
  assert.equal(active.object.id, stream.id);
  assert.equal(active.data.connected, true);
  const now = await video().liveStreams.retrieve(stream.id);
  assert.equal(now.status, 'active');
  assert.equal(now.active_ingest_protocol, 'rtmp');
  assert.equal(now.active_asset_id, active.data.active_asset_id);
  await house.webhook('video.live_stream.simulcast_target.errored');
  await assert.rejects(video().liveStreams.createSimulcastTarget(stream.id, { url: 'rtmp://h/app' }), Mux.UnprocessableEntityError);
  asset = await video().assets.retrieve(now.active_asset_id);
  assert.equal(asset.status, 'ready');
  assert.equal(asset.is_live, true);
  assert.deepEqual([asset.ingest_type, asset.live_stream_id], ['live_rtmp', stream.id]);
});

test('a token signed by the library plays, and none, a stranger’s or a stale one does not', async () => {
  const id = stream.playback_ids[0].id;
  const url = (token) => `${house.url}/${id}.m3u8?token=${token}`;
  const good = await mux.jwt.signPlaybackId(id, { expiration: '1h', type: 'video' });
  const live = await house.playlist(url(good));
  assert.equal(live.status, 200);
  assert.match(live.text, /#EXT-X-PART/);
  assert.equal((await house.playlist(`${house.url}/${id}.m3u8`)).status, 403);
  const key = await mux.system.signingKeys.create();
  const by = { keyId: key.id, keySecret: key.private_key, type: 'video' };
  assert.equal((await house.playlist(url(await mux.jwt.signPlaybackId(id, { ...by, expiration: '1h' })))).status, 200);
  const brief = url(await mux.jwt.signPlaybackId(id, { ...by, expiration: '10s' }));
  assert.equal((await house.playlist(brief)).status, 200);
  await until('the end of a token', async () => (await house.playlist(brief)).status === 403);
  assert.equal((await house.playlist(url(await mux.jwt.signPlaybackId('other', { ...by, expiration: '1h' })))).status, 403);
  const picture = await mux.jwt.signPlaybackId(id, { ...by, type: 'thumbnail', expiration: '1h' });
  assert.equal((await house.playlist(url(picture))).status, 403);
  const renamed = { ...by, keyId: house.secrets.signing_key, expiration: '1h' };
  assert.equal((await house.playlist(url(await mux.jwt.signPlaybackId(id, renamed)))).status, 403);
  await mux.system.signingKeys.delete(key.id);
  assert.equal((await house.playlist(url(await mux.jwt.signPlaybackId(id, { ...by, expiration: '1h' })))).status, 403);
  assert.equal((await mux.system.signingKeys.list()).data.length, 1);
});

test('complete ends the show, and the recording is there', async () => {
  const id = asset.playback_ids[0].id;
  const token = await mux.jwt.signPlaybackId(id, { expiration: '1h' });
  const url = `${house.url}/${id}.m3u8?token=${token}`;
  await until('five segments', async () => ((await house.playlist(url)).text?.match(/#EXTINF/g)?.length ?? 0) >= 5);
  await video().liveStreams.complete(stream.id);
  const done = await house.webhook('video.asset.live_stream_completed');
  assert.equal(done.data.id, asset.id);
  asset = await video().assets.retrieve(asset.id);
  assert.equal(asset.status, 'ready');
  assert(asset.duration > 4);
  assert.equal(asset.progress.state, 'completed');
  assert.match((await house.playlist(url)).text, /#EXT-X-ENDLIST/);
  const idle = await house.webhook('video.live_stream.idle');
  assert.equal(idle.data.status, 'idle');
  house.encoder.kill('SIGTERM');
  const listed = [];
  for await (const one of video().assets.list({ live_stream_id: stream.id })) listed.push(one.id);
  assert.deepEqual(listed, [asset.id]);
});

test('a clip is cut, renamed and removed', async () => {
  const clip = await video().assets.create({
    inputs: [{ url: `mux://assets/${asset.id}`, start_time: 1.4, end_time: 3 }],
    playback_policies: ['public'],
    passthrough: 'a clip',
  });
  assert.equal(clip.source_asset_id, asset.id);
  const ready = await house.webhook('video.asset.ready', (one) => one.data.id === clip.id);
  assert(Math.abs(ready.data.duration - 1.6) < 0.12, `${ready.data.duration}`);
  const played = await house.playlist(`${house.url}/${clip.playback_ids[0].id}.m3u8`);
  assert.match(played.text, /#EXT-X-ENDLIST/);
  assert.equal((await video().assets.update(clip.id, { passthrough: 'renamed' })).passthrough, 'renamed');
  const id = await video().assets.createPlaybackId(clip.id, { policy: 'signed' });
  await video().assets.deletePlaybackId(clip.id, id.id);
  await video().assets.delete(clip.id);
  await assert.rejects(video().assets.retrieve(clip.id), Mux.NotFoundError);
});

test('every webhook is signed and readable, and those of the stream came in their order', async () => {
  await house.webhook('video.live_stream.idle');
  const all = await house.webhooks();
  for (const one of all) {
    assert(one.id && one.object.id && one.environment.id && Array.isArray(one.attempts), one.type);
    assert(!Number.isNaN(Date.parse(one.created_at)), one.created_at);
  }
  const about = (kinds) => (one) => one.object.id === stream.id && kinds.includes(one.type.split('.').pop());
  const states = ['connected', 'recording', 'active', 'idle'];
  assert.deepEqual(all.filter(about(states)).map((one) => one.type.split('.').pop()), states);
  const { body, headers } = house.raw[0];
  await assert.rejects(mux.webhooks.unwrap(`${body} `, headers));
});
