//! A page of somebody else's in a frame: a video, a whiteboard, a form. Only from hosts that the operator allows
//! (`embeds.hosts`), over https, in a sandbox; the page's policy is widened by that one host and no more.

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// Its name.
pub const WORD: &str = "embed";
/// Nothing is streamed from here.
pub const HAS_STAGE: bool = false;
/// Longest address in characters.
pub const URL_CHARS_MAX: usize = 500;
/// What the framed page may do. It never reaches ours: its host is another one.
pub const SANDBOX: &str = "allow-scripts allow-same-origin allow-presentation allow-popups allow-forms";
/// Features of the browser that it may use.
pub const ALLOW: &str = "fullscreen; picture-in-picture; encrypted-media";

/// An address that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Embed {
    /// https, at an allowed host.
    pub url: String,
}

/// Why an address cannot be embedded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadEmbed {
    /// No address, too long, or not https.
    #[error("this is no https address")]
    Address,
    /// Not among the allowed hosts.
    #[error("this site may not be embedded here")]
    Host,
}

impl BadEmbed {
    /// Key of the text that tells it.
    pub const fn text(self) -> &'static str {
        match self {
            BadEmbed::Address => "experience.embed.bad_address",
            BadEmbed::Host => "experience.embed.bad_host",
        }
    }
}

impl Embed {
    /// Checks an address that somebody typed. Links that people share for a video become the address of its player.
    pub fn parse(text: &str, hosts: &[String]) -> Result<Embed, BadEmbed> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > URL_CHARS_MAX {
            return Err(BadEmbed::Address);
        }
        let url = player_of(Url::parse(text).map_err(|_| BadEmbed::Address)?);
        let plain = url.scheme() == "https" && url.port().is_none() && url.username().is_empty();
        if !plain || url.password().is_some() {
            return Err(BadEmbed::Address);
        }
        let allowed = match url.host() {
            Some(Host::Domain(host)) => hosts.iter().any(|allowed| allowed == host),
            _ => false,
        };
        if allowed { Ok(Embed { url: url.into() }) } else { Err(BadEmbed::Host) }
    }

    /// Scheme and host, for the page's policy. `None` if the host is no longer allowed, or is ours: then nothing is framed.
    pub fn origin(&self, hosts: &[String], own: Option<&str>) -> Option<String> {
        let url = Url::parse(&self.url).ok()?;
        let host = url.host_str().filter(|host| hosts.iter().any(|allowed| allowed == host))?;
        let ours = own.is_some_and(|own| own.split(':').next() == Some(host));
        (!ours).then(|| format!("https://{host}"))
    }
}

/// The player of a video whose page was given; any other address as it is.
fn player_of(url: Url) -> Url {
    let id_of = |id: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        Some(id.to_owned()).filter(|id| !id.is_empty() && id.len() <= 32 && id.chars().all(plain))
    };
    let first = || url.path_segments().and_then(|mut parts| parts.next()).unwrap_or_default().to_owned();
    let second = || url.path_segments().and_then(|mut parts| parts.nth(1)).unwrap_or_default().to_owned();
    let player = match url.host_str().unwrap_or_default() {
        "youtu.be" => id_of(&first()).map(|id| format!("https://www.youtube-nocookie.com/embed/{id}")),
        "youtube.com" | "www.youtube.com" | "m.youtube.com" => {
            let id = match first().as_str() {
                "watch" => url.query_pairs().find(|(name, _)| name == "v").and_then(|(_, id)| id_of(&id)),
                "embed" | "live" | "shorts" => id_of(&second()),
                _ => None,
            };
            id.map(|id| format!("https://www.youtube-nocookie.com/embed/{id}"))
        }
        "vimeo.com" | "www.vimeo.com" => id_of(&first())
            .filter(|id| id.chars().all(|c| c.is_ascii_digit()))
            .map(|id| format!("https://player.vimeo.com/video/{id}")),
        _ => None,
    };
    player.and_then(|player| Url::parse(&player).ok()).unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Vec<String> {
        ["www.youtube-nocookie.com", "player.vimeo.com"].map(str::to_owned).into()
    }

    #[test]
    fn shared_links_become_players() {
        let player = "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ";
        for (typed, wanted) in [
            ("https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=3", player),
            ("https://youtu.be/dQw4w9WgXcQ?si=x", player),
            ("https://www.youtube.com/live/dQw4w9WgXcQ", player),
            (" https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ ", player),
            ("https://vimeo.com/76979871", "https://player.vimeo.com/video/76979871"),
        ] {
            assert_eq!(Embed::parse(typed, &hosts()).unwrap().url, wanted, "{typed}");
        }
    }

    #[test]
    fn other_addresses_are_refused() {
        for (typed, why) in [
            ("", BadEmbed::Address),
            ("no address", BadEmbed::Address),
            ("http://player.vimeo.com/video/1", BadEmbed::Address),
            ("javascript:alert(1)", BadEmbed::Address),
            ("data:text/html,x", BadEmbed::Address),
            ("https://user:secret@player.vimeo.com/", BadEmbed::Address),
            ("https://player.vimeo.com:8443/", BadEmbed::Address),
            ("https://evil.test/", BadEmbed::Host),
            ("https://player.vimeo.com.evil.test/", BadEmbed::Host),
            ("https://evil.test/player.vimeo.com", BadEmbed::Host),
            ("https://127.0.0.1/", BadEmbed::Host),
            ("https://www.youtube.com/watch?v=../../x", BadEmbed::Host),
        ] {
            assert_eq!(Embed::parse(typed, &hosts()), Err(why), "{typed}");
        }
        assert_eq!(
            Embed::parse(&format!("https://player.vimeo.com/{}", "x".repeat(500)), &hosts()),
            Err(BadEmbed::Address)
        );
    }

    #[test]
    fn a_host_that_is_no_longer_allowed_or_is_ours_is_not_framed() {
        let embed = Embed::parse("https://player.vimeo.com/video/1", &hosts()).unwrap();
        assert_eq!(embed.origin(&hosts(), Some("pass.test")).as_deref(), Some("https://player.vimeo.com"));
        assert_eq!(embed.origin(&hosts()[..1], Some("pass.test")), None);
        assert_eq!(embed.origin(&hosts(), Some("player.vimeo.com:443")), None);
    }
}
