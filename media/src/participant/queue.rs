//! A bounded queue of events. When the reader is too slow, pictures are dropped up to the next keyframe, sound piece by
//! piece; what is told about tracks and connection is kept.

use super::event::{EndReason, Event};
use crate::frame::Kind;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Notify;

/// Room for other events beside the frames. They are rare; a reader that lets so many pile up is gone.
const OTHERS_MAX: usize = 256;

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Event>,
    frames: usize,
    /// Pictures are dropped until a keyframe fits.
    awaits_keyframe: bool,
    dropped: u64,
    closed: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    news: Notify,
}

/// The writing end.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    frames_max: usize,
}

/// The reading end.
#[derive(Debug)]
pub struct Reader(Arc<Shared>);

/// A queue with room for so many frames.
pub fn queue(frames_max: usize) -> (Writer, Reader) {
    let shared = Arc::new(Shared::default());
    (Writer { shared: shared.clone(), frames_max: frames_max.max(1) }, Reader(shared))
}

impl Writer {
    /// Adds an event, or drops it as the module says. `false` once nothing can be added any more.
    pub fn push(&self, event: Event) -> bool {
        let mut state = self.shared.state.lock();
        if state.closed {
            return false;
        }
        if let Event::Frame(frame) = &event {
            let full = state.frames >= self.frames_max;
            let drop = match frame.kind {
                Kind::Video => full || state.awaits_keyframe && !frame.keyframe,
                Kind::Audio => full,
            };
            if frame.kind == Kind::Video {
                state.awaits_keyframe = drop;
            }
            if drop {
                state.dropped += 1;
                return true;
            }
            state.frames += 1;
        } else if state.events.len() - state.frames >= OTHERS_MAX {
            state.events.clear();
            state.frames = 0;
            state.closed = true;
            state.events.push_back(Event::Ended { reason: EndReason::NotRead });
            self.shared.news.notify_one();
            return false;
        }
        state.closed = matches!(event, Event::Ended { .. });
        state.events.push_back(event);
        self.shared.news.notify_one();
        true
    }

    /// Frames dropped so far.
    pub fn dropped(&self) -> u64 {
        self.shared.state.lock().dropped
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // A reader is never left waiting for a writer that died.
        self.push(Event::Ended { reason: EndReason::Failed });
    }
}

impl Reader {
    /// The next event; `None` after [`Event::Ended`].
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            {
                let mut state = self.0.state.lock();
                if let Some(event) = state.events.pop_front() {
                    state.frames -= usize::from(matches!(event, Event::Frame(_)));
                    return Some(event);
                }
                if state.closed {
                    return None;
                }
            }
            self.0.news.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;
    use bytes::Bytes;
    use futures_util::FutureExt;

    fn frame(kind: Kind, at: i64, keyframe: bool) -> Event {
        Event::Frame(Frame { kind, captured_us: at, keyframe, data: Bytes::new() })
    }

    fn read(reader: &mut Reader, count: usize) -> Vec<i64> {
        let mut at = Vec::new();
        for _ in 0..count {
            match reader.next().now_or_never() {
                Some(Some(Event::Frame(frame))) => at.push(frame.captured_us),
                Some(Some(_)) => at.push(-1),
                Some(None) | None => break,
            }
        }
        at
    }

    #[test]
    fn a_full_queue_drops_to_the_next_keyframe() {
        let (writer, mut reader) = queue(3);
        for at in 0..5 {
            assert!(writer.push(frame(Kind::Video, at, at == 0)));
        }
        assert_eq!(read(&mut reader, 2), [0, 1]);
        writer.push(frame(Kind::Video, 5, false));
        writer.push(frame(Kind::Audio, 6, true));
        writer.push(frame(Kind::Video, 7, true));
        writer.push(frame(Kind::Video, 8, false));
        assert_eq!(read(&mut reader, 9), [2, 6, 7]);
        assert_eq!(writer.dropped(), 4);
        writer.push(frame(Kind::Video, 9, false));
        writer.push(frame(Kind::Video, 10, true));
        assert_eq!(read(&mut reader, 9), [10], "8 was dropped, so 9 cannot be decoded");
    }

    #[test]
    fn what_is_told_about_tracks_is_kept_and_the_end_comes_last() {
        let (writer, mut reader) = queue(1);
        writer.push(frame(Kind::Audio, 0, true));
        writer.push(Event::Connected);
        writer.push(frame(Kind::Audio, 1, true));
        drop(writer);
        assert_eq!(read(&mut reader, 9), [0, -1, -1]);
        assert_eq!(reader.next().now_or_never(), Some(None));
    }

    #[test]
    fn a_reader_that_is_gone_ends_it() {
        let (writer, mut reader) = queue(4);
        let pushed = (0..10_000).take_while(|_| writer.push(Event::Connected)).count();
        assert_eq!(pushed, OTHERS_MAX);
        assert_eq!(reader.next().now_or_never(), Some(Some(Event::Ended { reason: EndReason::NotRead })));
        assert_eq!(reader.next().now_or_never(), Some(None));
        assert!(!writer.push(Event::Connected));
    }
}
