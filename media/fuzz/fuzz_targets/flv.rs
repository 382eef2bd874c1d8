//! An FLV stream of anything, and its tags.
#![no_main]

use backstage_media::flv::{AudioTag, FlvReader, TagKind, VideoTag};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    runtime.block_on(async {
        let mut reader = FlvReader::new(data);
        while let Ok(Some(tag)) = reader.next().await {
            match tag.kind {
                TagKind::Video => drop(VideoTag::parse(&tag.body)),
                TagKind::Audio => drop(AudioTag::parse(&tag.body)),
                TagKind::Meta => {}
            }
        }
    });
});
