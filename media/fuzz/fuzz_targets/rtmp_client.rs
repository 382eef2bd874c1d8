//! A server that says anything to us who publish.
#![no_main]

use backstage_media::rtmp::StreamKey;
use backstage_media::rtmp::client::{ClientConfig, ClientSession};
use backstage_media::rtmp::handshake::PACKET_BYTES;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let config =
        ClientConfig { app: "live".into(), tc_url: "rtmp://here/live".into(), key: StreamKey::new("key") };
    let mut client = ClientSession::new(config, 1);
    client.input(&[&[3][..], &[0; 2 * PACKET_BYTES]].concat());
    for piece in data.chunks(97) {
        client.input(piece);
        while let Ok(Some(_)) = client.poll() {}
        client.output();
    }
});
