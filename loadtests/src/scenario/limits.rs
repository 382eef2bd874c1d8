//! What makes a run fail.

/// Each is left out when it is not to be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// From opening the page to being connected, ms.
    pub join_ms_p95: Option<u64>,
    /// From opening the page to the first picture, ms.
    pub first_frame_ms_p95: Option<u64>,
    /// Between two pictures of one delivery, ms.
    pub frame_gap_ms_max: Option<u64>,
    /// From the last picture of the old delivery to the first of the new one, ms.
    pub move_gap_ms_max: Option<u64>,
    /// How often a picture stood for more than a second.
    pub stalls_max: Option<u64>,
    /// From the first word of moving until 95 % have moved, ms.
    pub moved_within_ms: Option<u64>,
    /// Told to move and not moved at the end.
    pub left_behind_max: Option<u64>,
    /// Pages opened by others, ms.
    pub pages_ms_p99: Option<u64>,
    /// Whatever went wrong.
    pub errors_max: Option<u64>,
}
