//! Headers that every answer carries.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::payments::{STRIPE_API, STRIPE_FRAMES, STRIPE_SCRIPT};

/// What pages may ask the browser for.
const PERMISSIONS: &str =
    "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self), geolocation=(), payment=()";

/// The fixed headers and the content security policy, made once.
#[derive(Debug, Clone)]
pub struct Headers {
    policy: HeaderValue,
    strict_transport: bool,
}

impl Headers {
    /// `media_urls`: where browsers reach the media server (`ws://` or `wss://`) and who carries HLS, if that is another
    /// site (`https://`); `by_stripe`: pages take money with Stripe's script; `https`: the site is on TLS.
    ///
    /// Scripts, styles and fonts come from this site only, never inline. Pages may connect to this site, to the media
    /// server (socket, and plain HTTP for its validation call) and to playlists. Video plays from memory (`blob:`), or, where
    /// the browser itself plays HLS, from where the playlist is.
    pub fn new(media_urls: &[String], by_stripe: bool, https: bool) -> Headers {
        let mut connect = String::from("'self'");
        let mut media = String::from("'self' blob:");
        for url in media_urls {
            connect.push_str(&format!(" {url}"));
            match url.strip_prefix("ws") {
                Some(rest) => connect.push_str(&format!(" http{rest}")),
                None => media.push_str(&format!(" {url}")),
            }
        }
        let (mut script, mut frames) = (String::from("'self'"), String::new());
        if by_stripe {
            script.push_str(&format!(" {STRIPE_SCRIPT}"));
            connect.push_str(&format!(" {STRIPE_API}"));
            frames = format!("; frame-src {STRIPE_FRAMES}");
        }
        let policy = format!(
            "default-src 'none'; script-src {script}; style-src 'self'; font-src 'self'; img-src 'self' data: blob:; \
             media-src {media}; worker-src 'self' blob:; connect-src {connect}; manifest-src 'self'; \
             form-action 'self'; frame-ancestors 'none'; base-uri 'none'{frames}"
        );
        let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'self'"));
        Headers { policy, strict_transport: https }
    }

    /// Lets one page frame pages of one other origin (`https://host`), which may fill the screen there. Everything else stays.
    pub fn let_frame(&self, headers: &mut HeaderMap, origin: &str) {
        let policy = self.policy.to_str().unwrap_or("default-src 'self'");
        // It stands last, if it is there.
        let frames = if policy.contains("; frame-src ") { "" } else { "; frame-src" };
        let permissions = PERMISSIONS.replace("fullscreen=(self)", &format!("fullscreen=(self \"{origin}\")"));
        let values = [
            (header::CONTENT_SECURITY_POLICY, format!("{policy}{frames} {origin}")),
            (HeaderName::from_static("permissions-policy"), permissions),
        ];
        for (name, value) in values {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }

    /// Puts them on an answer; what a handler set itself stays. `page`: HTML, which is never stored by caches
    /// (it holds the visitor's tokens).
    pub fn apply(&self, headers: &mut HeaderMap, page: bool) {
        let mut put = |name: HeaderName, value: HeaderValue| {
            if !headers.contains_key(&name) {
                headers.insert(name, value);
            }
        };
        put(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self.strict_transport {
            put(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
        }
        if !page {
            put(
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
            );
            return;
        }
        put(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        put(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        put(header::REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin"));
        put(HeaderName::from_static("permissions-policy"), HeaderValue::from_static(PERMISSIONS));
        put(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
        put(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_the_media_server_and_nothing_inline() {
        let mut map = HeaderMap::new();
        Headers::new(&["wss://media.test".into(), "https://hls.test".into()], false, true).apply(&mut map, true);
        let policy = map.get(header::CONTENT_SECURITY_POLICY).unwrap().to_str().unwrap();
        assert!(
            policy.contains("connect-src 'self' wss://media.test https://media.test https://hls.test;"),
            "{policy}"
        );
        assert!(policy.contains("media-src 'self' blob: https://hls.test;"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}
