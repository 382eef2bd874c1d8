//! Encoders and their recordings.
use super::model::Deed;
/// Who is on.
#[derive(Debug, Default)]
pub struct Stage;
impl Stage {
    /// Performs what follows from a change.
    pub async fn perform(&self, _deeds: Vec<Deed>) {}
}
