//! Whom to load. Only this machine, unless its owner says otherwise: what this program does to a stranger's server is an attack.

use std::net::IpAddr;

use url::{Host, Url};

/// The server under load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    base: Url,
    owned: bool,
}

/// Why an address is not a target.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TargetError {
    /// It is none, or has more than scheme, host and port.
    #[error("{0} is not an address such as http://127.0.0.1:8080")]
    NotAnAddress(String),
    /// It is another machine.
    #[error("{0} is another machine: load only what is yours, and say so with --i-own-this-target")]
    NotOurs(String),
}

impl Target {
    /// `owned`: the owner agrees, whichever machine it is.
    ///
    /// # Errors
    /// When it is no address, or another machine that nobody answers for.
    pub fn new(address: &str, owned: bool) -> Result<Target, TargetError> {
        let wrong = || TargetError::NotAnAddress(address.chars().take(200).collect());
        let base = Url::parse(address).map_err(|_| wrong())?;
        let plain = base.path() == "/" && base.query().is_none() && base.username().is_empty();
        if !matches!(base.scheme(), "http" | "https") || !plain || base.host().is_none() {
            return Err(wrong());
        }
        let target = Target { base, owned };
        target.allow(&target.base)?;
        Ok(target)
    }

    /// Whether media may be fetched from there: what holds for the server holds for where it sends us.
    ///
    /// # Errors
    /// When it is another machine that nobody answers for.
    pub fn allow(&self, url: &Url) -> Result<(), TargetError> {
        let this_machine = match url.host() {
            Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
            Some(Host::Ipv6(ip)) => IpAddr::from(ip).to_canonical().is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if this_machine || self.owned {
            return Ok(());
        }
        Err(TargetError::NotOurs(url.host_str().unwrap_or_default().to_owned()))
    }

    /// As [`Target::allow`], for an address that is still a text; a path is one of the target itself.
    ///
    /// # Errors
    /// When it is none, or another machine that nobody answers for.
    pub fn allow_text(&self, url: &str) -> Result<Url, TargetError> {
        // What is told of it must not hold its token.
        let shown = || url.split(['?', '~']).next().unwrap_or_default().chars().take(200).collect();
        let parsed = Url::options().base_url(Some(&self.base)).parse(url);
        let parsed = parsed.map_err(|_| TargetError::NotAnAddress(shown()))?;
        self.allow(&parsed).map(|()| parsed)
    }

    /// A page of it. `path` begins with a slash.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }

    /// Scheme, host and port, as a browser sends them.
    pub fn origin(&self) -> String {
        self.base.as_str().trim_end_matches('/').to_owned()
    }

    /// The same with `ws` or `wss`.
    pub fn socket(&self, path: &str) -> String {
        self.at(path).replacen("http", "ws", 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_a_target_unless_its_owner_says_so() {
        for own in
            ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:9", "http://127.9.9.9", "https://localhost/"]
        {
            assert!(Target::new(own, false).is_ok(), "{own}");
        }
        for other in
            ["http://10.0.0.1", "https://example.com", "http://localhost.example.com", "http://[::ffff:8.8.8.8]"]
        {
            assert!(matches!(Target::new(other, false), Err(TargetError::NotOurs(_))), "{other}");
            assert!(Target::new(other, true).is_ok(), "{other}");
        }
        for wrong in [
            "",
            "127.0.0.1:8080",
            "ftp://localhost",
            "http://localhost/m/demo",
            "http://a:b@localhost",
            "http://localhost?x",
        ] {
            assert!(matches!(Target::new(wrong, true), Err(TargetError::NotAnAddress(_))), "{wrong}");
        }
    }

    #[test]
    fn media_may_not_lead_away_either() {
        let target = Target::new("http://127.0.0.1:8080", false).unwrap();
        assert!(target.allow_text("ws://127.0.0.1:7880").is_ok());
        assert_eq!(target.allow_text("/hls/x.m3u8").unwrap().as_str(), "http://127.0.0.1:8080/hls/x.m3u8");
        assert!(target.allow_text("wss://media.example.com").is_err());
        assert_eq!(target.socket("/live/x"), "ws://127.0.0.1:8080/live/x");
    }
}
