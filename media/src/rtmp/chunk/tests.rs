use super::*;
use crate::rtmp::message::{ABORT, AUDIO, SET_CHUNK_SIZE, VIDEO};
use bytes::BytesMut;
use proptest::prelude::*;

fn message(kind: u8, timestamp_ms: u32, length: usize) -> Message {
    Message { kind, stream_id: 1, timestamp_ms, payload: vec![kind; length].into() }
}

/// A chunk by hand: form, chunk stream, then what its header holds and its content.
fn chunk(form: u8, stream: u8, fields: &[&[u8]]) -> Vec<u8> {
    [&[form << 6 | stream][..], &fields.concat()].concat()
}

/// Time, length and kind of a header by hand.
fn fields(time: u32, length: u32, kind: u8) -> Vec<u8> {
    [&time.to_be_bytes()[1..], &length.to_be_bytes()[1..], &[kind]].concat()
}

const STREAM_1: &[u8] = &[1, 0, 0, 0];

fn read(reader: &mut ChunkReader, bytes: &[u8]) -> Result<Vec<Message>, ChunkError> {
    reader.push(bytes);
    std::iter::from_fn(|| reader.read().transpose()).collect()
}

fn times(bytes: &[u8]) -> Vec<u32> {
    read(&mut ChunkReader::default(), bytes).unwrap().iter().map(|message| message.timestamp_ms).collect()
}

#[test]
fn interleaved_messages_arrive_whole() {
    let video = message(VIDEO, 40, 300);
    let audio = message(AUDIO, 33, 200);
    let bytes = [
        chunk(0, 6, &[&fields(40, 300, VIDEO), STREAM_1, &[VIDEO; 128]]),
        chunk(0, 4, &[&fields(33, 200, AUDIO), STREAM_1, &[AUDIO; 128]]),
        chunk(3, 6, &[&[VIDEO; 128]]),
        chunk(3, 4, &[&[AUDIO; 72]]),
        chunk(3, 6, &[&[VIDEO; 44]]),
    ];
    assert_eq!(read(&mut ChunkReader::default(), &bytes.concat()).unwrap(), [audio, video]);
}

#[test]
fn a_message_without_header_comes_as_much_later_as_the_one_before() {
    // Silence, as ffmpeg sends it: frames of one size every 23 ms.
    let mut bytes = chunk(0, 4, &[&fields(100, 2, AUDIO), STREAM_1, &[0, 0]]);
    bytes.extend(chunk(2, 4, &[&[0, 0, 23], &[0, 0]]));
    for _ in 0..600 {
        bytes.extend(chunk(3, 4, &[&[0, 0]]));
    }
    let expected: Vec<u32> = [100].into_iter().chain((0..601).map(|count| 123 + count * 23)).collect();
    assert_eq!(times(&bytes), expected);
}

#[test]
fn after_a_full_header_its_time_is_the_step() {
    let bytes = [
        chunk(0, 4, &[&fields(23, 1, AUDIO), STREAM_1, &[0]]),
        chunk(3, 4, &[&[0]]),
        chunk(1, 4, &[&fields(10, 1, AUDIO), &[0]]),
        chunk(3, 4, &[&[0]]),
    ];
    assert_eq!(times(&bytes.concat()), [23, 46, 56, 66]);
}

#[test]
fn the_next_pieces_of_a_message_do_not_advance_time() {
    let bytes = [
        chunk(0, 4, &[&fields(0, 1, AUDIO), STREAM_1, &[0]]),
        chunk(1, 4, &[&fields(40, 300, AUDIO), &[0; 128]]),
        chunk(3, 4, &[&[0; 128]]),
        chunk(3, 4, &[&[0; 44]]),
        chunk(3, 4, &[&[0; 128]]),
        chunk(3, 4, &[&[0; 128]]),
        chunk(3, 4, &[&[0; 44]]),
    ];
    assert_eq!(times(&bytes.concat()), [0, 40, 80]);
}

#[test]
fn long_times_stand_behind_every_header() {
    let long = 0x0123_4567_u32.to_be_bytes();
    let bytes = [
        chunk(0, 4, &[&fields(0xff_ffff, 200, AUDIO), STREAM_1, &long, &[0; 128]]),
        chunk(3, 4, &[&long, &[0; 72]]),
        chunk(1, 4, &[&fields(0xff_ffff, 1, AUDIO), &0x0100_0000_u32.to_be_bytes(), &[0]]),
        chunk(3, 4, &[&0x0100_0000_u32.to_be_bytes(), &[0]]),
        chunk(2, 4, &[&[0, 0, 1], &[0]]),
        chunk(3, 4, &[&[0]]),
    ];
    assert_eq!(times(&bytes.concat()), [0x0123_4567, 0x0223_4567, 0x0323_4567, 0x0323_4568, 0x0323_4569]);
}

#[test]
fn time_begins_again_after_32_bits() {
    let bytes = [
        chunk(0, 4, &[&fields(0xff_ffff, 1, AUDIO), STREAM_1, &(u32::MAX - 5).to_be_bytes(), &[0]]),
        chunk(1, 4, &[&fields(10, 1, AUDIO), &[0]]),
        chunk(2, 4, &[&[0, 0, 20], &[0]]),
        chunk(3, 4, &[&[0]]),
    ];
    assert_eq!(times(&bytes.concat()), [u32::MAX - 5, 4, 24, 44]);
}

#[test]
fn a_new_header_drops_what_was_not_finished() {
    let bytes = [
        chunk(0, 4, &[&fields(0, 300, AUDIO), STREAM_1, &[1; 128]]),
        chunk(0, 4, &[&fields(9, 2, VIDEO), STREAM_1, &[2, 2]]),
    ];
    let found = read(&mut ChunkReader::default(), &bytes.concat()).unwrap();
    assert_eq!(found, [Message { kind: VIDEO, stream_id: 1, timestamp_ms: 9, payload: vec![2, 2].into() }]);
}

#[test]
fn an_abort_drops_what_was_not_finished() {
    let bytes = [
        chunk(0, 4, &[&fields(0, 300, AUDIO), STREAM_1, &[1; 128]]),
        chunk(0, 2, &[&fields(0, 4, ABORT), &[0; 4], &4_u32.to_be_bytes()]),
        chunk(3, 4, &[&[1; 128]]),
        chunk(3, 4, &[&[1; 128]]),
        chunk(3, 4, &[&[1; 44]]),
    ];
    let found = read(&mut ChunkReader::default(), &bytes.concat()).unwrap();
    assert_eq!(found, [message_of_ones()]);
}

fn message_of_ones() -> Message {
    Message { kind: AUDIO, stream_id: 1, timestamp_ms: 0, payload: vec![1; 300].into() }
}

#[test]
fn chunk_streams_beyond_63_are_read() {
    let head = [&fields(7, 1, AUDIO)[..], STREAM_1, &[9]].concat();
    let bytes = [chunk(0, 0, &[&[200], &head]), chunk(0, 1, &[&[1, 1], &head]), chunk(3, 0, &[&[200], &[9]])];
    assert_eq!(times(&bytes.concat()), [7, 7, 14]);
}

#[test]
fn the_second_form_may_come_first_and_shorter_ones_may_not() {
    assert_eq!(times(&chunk(1, 2, &[&fields(0, 1, AUDIO), &[0]])), [0]);
    for form in [2, 3] {
        let bytes = chunk(form, 5, &[&[0; 8]]);
        assert_eq!(read(&mut ChunkReader::default(), &bytes), Err(ChunkError::NoHeader(5)));
    }
}

fn set_chunk_size(size: u32) -> Vec<u8> {
    chunk(0, 2, &[&fields(0, 4, SET_CHUNK_SIZE), &[0; 4], &size.to_be_bytes()])
}

#[test]
fn sizes_of_chunks_have_a_limit() {
    for size in [0, CHUNK_BYTES_MAX as u32 + 1, (1 << 31) - 1, u32::MAX] {
        let read = read(&mut ChunkReader::default(), &set_chunk_size(size));
        assert_eq!(read, Err(ChunkError::ChunkSize(size)));
    }
    let whole = chunk(0, 4, &[&fields(0, 300, AUDIO), STREAM_1, &[1; 300]]);
    let bytes = [set_chunk_size(CHUNK_BYTES_MAX as u32), whole].concat();
    assert_eq!(read(&mut ChunkReader::default(), &bytes).unwrap(), [message_of_ones()]);
    let cut = chunk(0, 2, &[&fields(0, 3, SET_CHUNK_SIZE), &[0; 4], &[0; 3]]);
    assert_eq!(read(&mut ChunkReader::default(), &cut), Err(ChunkError::Control));
}

#[test]
fn messages_have_a_limit() {
    let length = MESSAGE_BYTES_MAX as u32 + 1;
    let bytes = chunk(0, 4, &[&fields(0, length, VIDEO), STREAM_1]);
    assert_eq!(read(&mut ChunkReader::default(), &bytes), Err(ChunkError::MessageSize(length as usize)));
    let mut reader = ChunkReader::default();
    reader.limit_messages(100);
    let bytes = chunk(0, 4, &[&fields(0, 101, VIDEO), STREAM_1]);
    assert_eq!(read(&mut reader, &bytes), Err(ChunkError::MessageSize(101)));
}

#[test]
fn chunk_streams_have_a_limit() {
    let begin = |id: u8| chunk(0, id, &[&fields(0, 1, AUDIO), STREAM_1, &[0]]);
    let mut reader = ChunkReader::default();
    let bytes: Vec<u8> = (2..34).flat_map(begin).collect();
    assert_eq!(read(&mut reader, &bytes).unwrap().len(), STREAMS_MAX);
    assert_eq!(read(&mut reader, &begin(34)), Err(ChunkError::Streams));
}

#[test]
fn messages_at_a_time_have_a_limit() {
    let begin = |id: u8| chunk(0, id, &[&fields(0, 200, AUDIO), STREAM_1, &[0; 128]]);
    let mut reader = ChunkReader::default();
    let bytes: Vec<u8> = (2..10).flat_map(begin).collect();
    assert_eq!(read(&mut reader, &bytes).unwrap(), []);
    assert_eq!(read(&mut reader, &begin(10)), Err(ChunkError::Partials));
}

#[test]
fn what_they_hold_together_has_a_limit() {
    let mut reader = ChunkReader::default();
    read(&mut reader, &set_chunk_size(CHUNK_BYTES_MAX as u32)).unwrap();
    let piece = vec![0; CHUNK_BYTES_MAX];
    let length = MESSAGE_BYTES_MAX as u32;
    let mut outcome = Ok(vec![]);
    for id in 10..18 {
        // Three of four pieces each.
        outcome = read(&mut reader, &chunk(0, id, &[&fields(0, length, VIDEO), STREAM_1, &piece]))
            .and_then(|_| read(&mut reader, &chunk(3, id, &[&piece])))
            .and_then(|_| read(&mut reader, &chunk(3, id, &[&piece])));
        assert!(reader.held() <= PARTIAL_BYTES_MAX, "{}", reader.held());
        if outcome.is_err() {
            break;
        }
    }
    assert_eq!(outcome, Err(ChunkError::Partials));
}

fn messages() -> impl Strategy<Value = Vec<(u8, Message)>> {
    let length = prop_oneof![0..200_usize, Just(128), Just(64), 0..5_000_usize];
    let time = prop_oneof![Just(0_u32), 0..100_u32, any::<u32>(), 0xff_fff0..0x100_0010_u32];
    let one = (2..8_u8, 8..10_u8, 0..2_u32, time, length);
    let message = one.prop_map(|(stream, kind, stream_id, timestamp_ms, length)| {
        let payload = (0..length).map(|at| at as u8).collect::<Vec<_>>().into();
        (stream, Message { kind, stream_id, timestamp_ms, payload })
    });
    prop::collection::vec(message, 0..30)
}

proptest! {
    #[test]
    fn what_is_written_is_read_however_it_is_cut(
        messages in messages(),
        size in prop_oneof![1..300_usize, Just(CHUNK_BYTES_MAX)],
        cuts in prop::collection::vec(1..700_usize, 1..20),
    ) {
        let mut writer = ChunkWriter::default();
        let mut bytes = BytesMut::new();
        let (first, rest) = messages.split_at(messages.len() / 2);
        for (stream, message) in first {
            writer.write(&mut bytes, *stream, message);
        }
        writer.set_chunk_size(&mut bytes, size);
        for (stream, message) in rest {
            writer.write(&mut bytes, *stream, message);
        }
        let mut reader = ChunkReader::default();
        let mut found = Vec::new();
        for cut in cuts.iter().cycle() {
            if bytes.is_empty() {
                break;
            }
            let piece = bytes.split_to((*cut).min(bytes.len()));
            found.extend(read(&mut reader, &piece).unwrap());
        }
        let expected: Vec<Message> = messages.into_iter().map(|(_, message)| message).collect();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(reader.waiting(), 0);
    }

    #[test]
    fn foreign_bytes_end_in_an_error_at_most(bytes in prop::collection::vec(any::<u8>(), 0..4_000)) {
        let mut reader = ChunkReader::default();
        for piece in bytes.chunks(50) {
            let read = read(&mut reader, piece);
            prop_assert!(reader.held() <= PARTIAL_BYTES_MAX);
            if read.is_err() {
                break;
            }
        }
    }
}
