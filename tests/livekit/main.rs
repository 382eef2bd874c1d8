//! The LiveKit adapter against a real `livekit-server`: `BACKSTAGE_LIVEKIT_BIN`, or `livekit-server` in `PATH`.

mod rooms;
mod server;
mod stand;
mod webhooks;
