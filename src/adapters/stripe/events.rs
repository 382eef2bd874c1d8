//! What happened at the provider, for who missed webhooks. Stripe keeps it for 30 days.

use super::*;
use serde_json::Value;
use stripe_core::event::*;

/// Events of a page.
const PAGE: i64 = 100;

/// Events.
impl Stripe {
    /// Those of these kinds since this time, the youngest first, as webhooks would bring them; the next page begins after
    /// the last of this one.
    pub async fn events_since(
        &self,
        from_s: i64,
        kinds: &[&str],
        after: Option<&str>,
    ) -> Result<Page<Value>, StripeError> {
        let kinds: Vec<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        let mut request = ListEvent::new().created(stripe_types::RangeQueryTs::gte(from_s)).types(kinds).limit(PAGE);
        if let Some(after) = after {
            request = request.starting_after(after);
        }
        self.read(&request).await
    }
}
