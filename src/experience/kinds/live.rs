//! A live stream from our studio: lobby, stage and recordings. What happens to it is in `core::experience`.

/// Its name.
pub const WORD: &str = "live";
/// It has a lobby and a studio.
pub const HAS_STAGE: bool = true;
