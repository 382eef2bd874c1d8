//! The decision: what the audience should be served by. Pure; the machine does it.

use super::budget::Used;
use super::limits::Limits;
use super::reason::Reason;
use super::{Audience, Choice};

/// What is asked for, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// WebRTC alone, now.
    Webrtc,
    /// WebRTC alone, if that has been so for the cooldown.
    WebrtcSoon,
    /// Whatever it is now.
    Same,
    /// WebRTC, with HLS ready beside it; HLS if it is on already.
    Ready,
    /// HLS.
    Hls,
}

/// What the decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The operator's figures; `None` without an HLS side.
    pub limits: Option<&'a Limits>,
    /// What the creator chose.
    pub choice: Choice,
    /// Other platforms it is sent to.
    pub targets: u32,
    /// Who is there.
    pub audience: &'a Audience,
    /// Viewers expected, 0 once expectations are no longer trusted.
    pub expected: u32,
    /// What HLS has cost.
    pub used: &'a Used,
}

/// What should be, and why. The budget is the operator's: it stands above the creator's choice; the choice stands above
/// everything that was counted.
pub fn decide(at: Inputs<'_>) -> (Want, Reason) {
    let Some(limits) = at.limits else {
        return (Want::Webrtc, Reason::NotSetUp);
    };
    let (budget, limit) = (&limits.budget, limits.webrtc_viewers_max);
    if at.choice == Choice::Webrtc {
        return (Want::Webrtc, Reason::ChosenWebrtc);
    }
    if budget.is_spent(at.used) {
        let spent_minor = budget.cost_minor(at.used.viewer_ms, at.used.bridge_ms);
        return (Want::Webrtc, Reason::BudgetSpent { spent_minor, max_minor: budget.stream_max_minor });
    }
    if at.choice == Choice::Hls {
        return (Want::Hls, Reason::ChosenHls);
    }
    if at.targets > 0 {
        return (Want::Hls, Reason::Targets { count: at.targets });
    }
    let viewers = at.audience.watching();
    if viewers > limit {
        return (Want::Hls, Reason::Viewers { viewers, limit });
    }
    if at.expected > limit {
        return (Want::Hls, Reason::Expected { expected: at.expected, limit });
    }
    let demand = viewers.max(at.expected);
    if demand >= limits.warm_at() {
        return (Want::Ready, Reason::NearLimit { viewers: demand, warm_at: limits.warm_at() });
    }
    let few = Reason::FewViewers { viewers: demand, back_at: limits.back_at() };
    (if demand <= limits.back_at() { Want::WebrtcSoon } else { Want::Same }, few)
}
