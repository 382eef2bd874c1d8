//! A publisher that says anything. The first byte tells how the rest is cut; the handshake is made for it.
#![no_main]

use backstage_media::rtmp::handshake::PACKET_BYTES;
use backstage_media::rtmp::server::{ServerEvent, ServerSession};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((cut, said)) = data.split_first() else { return };
    let mut server = ServerSession::new(1);
    let hello = [&[3][..], &[0; 2 * PACKET_BYTES]].concat();
    if server.input(&hello).is_err() {
        return;
    }
    for piece in said.chunks(usize::from(*cut) + 1) {
        if server.input(piece).is_err() {
            return;
        }
        loop {
            match server.poll() {
                Ok(Some(ServerEvent::PublishRequested { .. })) => server.accept(),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
        server.output();
    }
});
