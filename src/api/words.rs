//! Words of the API with a closed list of values, for its document. The types that carry them live with their nouns, some of
//! them in crates that know of no document; `tests` hold the two lists together.

use utoipa::ToSchema;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident: $($word:ident)+),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, ToSchema)]
        #[schema(rename_all = "snake_case")]
        #[allow(missing_docs, reason = "the words are their own explanation")]
        pub enum $name { $($word),+ }
    )*};
}

words! {
    /// `draft`: seen by the team only. `published`: on offer. `archived`: no longer on offer; who holds it keeps it.
    PassStatus: Draft Published Archived,
    /// `open`: anybody may watch. `pass`: a pass that opens it is needed.
    AccessRule: Open Pass,
    /// A part in a team, each with all that those before it may.
    TeamRole: Viewer Moderator Editor Admin Owner,
    /// What became of a pass in somebody's hand.
    Holding: Holds Expired Revoked,
    /// What is played.
    Played: Webrtc Hls,
    /// What is shown: `slate` is a picture that asks to wait.
    Shown: Webrtc Hls Slate,
    /// `auto`: as the figures say.
    DeliveryWord: Auto Webrtc Hls,
    /// What holds a browser's encoder back.
    EncoderLimit: None Cpu Bandwidth Other,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pass::Status;
    use backstage_core::access::{Role, Rule};
    use backstage_core::delivery::{Choice, Source};
    use backstage_core::health::Limited;
    use serde::Serialize;
    use utoipa::PartialSchema;

    fn told<T: PartialSchema>() -> Vec<String> {
        let schema = serde_json::to_value(T::schema()).unwrap();
        schema["enum"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    }

    fn real<T: Serialize>(all: &[T]) -> Vec<String> {
        all.iter().map(|one| serde_json::to_value(one).unwrap().as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_document_s_words_are_those_of_the_server() {
        assert_eq!(told::<PassStatus>(), Status::ALL.map(|status| status.as_str().to_string()));
        assert_eq!(told::<AccessRule>(), real(&[Rule::Open, Rule::Pass]));
        let roles = [Role::Viewer, Role::Moderator, Role::Editor, Role::Admin, Role::Owner];
        assert_eq!(told::<TeamRole>(), real(&roles));
        assert_eq!(told::<Shown>(), real(&[Source::Webrtc, Source::Hls, Source::Slate]));
        assert_eq!(told::<Played>(), real(&[Source::Webrtc, Source::Hls]));
        assert_eq!(told::<DeliveryWord>(), real(&[Choice::Auto, Choice::Webrtc, Choice::Hls]));
        assert_eq!(told::<EncoderLimit>(), real(&[Limited::None, Limited::Cpu, Limited::Bandwidth, Limited::Other]));
    }
}
