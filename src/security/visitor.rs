//! Who asks: the extractor that handlers take.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, web};
use futures_util::future::LocalBoxFuture;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;

use super::limits::network;
use super::scope::Scope;
use super::{csrf, seal};
use crate::error::Problem;
use crate::page::Page;
use crate::session::Session;
use crate::state::State;

/// One request's visitor. Taking it never refuses anybody; [`Visit::person`] does.
pub struct Visit {
    /// The application.
    pub state: web::Data<State>,
    /// The session, if the visitor has one that holds.
    pub session: Option<Arc<Session>>,
    /// Network address, for limits.
    pub ip: IpAddr,
    scope: Option<Rc<Scope>>,
    seed: Option<String>,
}

impl Visit {
    /// The signed-in person (guests too), or the way to the sign-in page.
    pub fn person(&self) -> Result<&Arc<Session>, Problem> {
        self.session.as_ref().ok_or_else(Problem::sign_in)
    }

    /// The signed-in person with an account of their own; guests are asked to sign in.
    pub fn account(&self) -> Result<&Arc<Session>, Problem> {
        self.person().and_then(|session| if session.is_guest() { Err(Problem::sign_in()) } else { Ok(session) })
    }

    /// The frame of the answering page.
    pub fn page(&self, title: impl Into<String>) -> Page {
        match &self.scope {
            Some(scope) => scope.page(&self.state, title),
            None => Page { title: title.into(), assets: self.state.assets.clone(), ..Page::default() },
        }
    }

    /// The frame with a title from the locale.
    pub fn page_t(&self, key: &str) -> Page {
        self.page(crate::locale::text(key))
    }

    /// 303 with one sentence for the next page, by its text key.
    pub fn see_other_with(&self, path: &str, flash: &str) -> HttpResponse {
        let mut response = crate::page::see_other(path);
        let _ = response.add_cookie(&self.state.jar.flash(flash));
        response
    }

    /// What ties forms to this browser, hashed: see `session/codes.rs`.
    pub fn browser(&self) -> Option<String> {
        let seed = self.seed.as_deref().or(self.scope.as_ref().and_then(|scope| scope.fresh_visitor.as_deref()))?;
        Some(self.state.seal.of("browser", &[seed]))
    }

    /// The same for calls of the API, where the seed is not read beforehand.
    pub fn browser_of(&self, req: &HttpRequest) -> Option<String> {
        let held = || csrf::seed(&self.state.jar, req.headers()).map(|seed| self.state.seal.of("browser", &[seed]));
        self.browser().or_else(held)
    }

    /// Whether the visitor comes back from where they were sent to pay.
    pub fn was_led_back(&self, req: &HttpRequest) -> bool {
        req.query_string().contains("redirect_status=")
    }

    /// The network for limits.
    pub fn network(&self) -> String {
        network(self.ip)
    }
}

impl FromRequest for Visit {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Visit, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(state) = req.app_data::<web::Data<State>>().cloned() else {
            return Box::pin(async { Err(Problem::internal("no state in the application")) });
        };
        let ip = client_ip(&state, req);
        let scope = req.extensions().get::<Rc<Scope>>().cloned();
        let seed = scope.is_some().then(|| csrf::seed(&state.jar, req.headers()).map(str::to_string)).flatten();
        let digest = state.jar.session_of(req.headers()).map(seal::digest);
        Box::pin(async move {
            let session = match digest {
                Some(digest) => state.sessions.find(&state, digest).await?,
                None => None,
            };
            if let Some(scope) = &scope {
                scope.session.replace(session.clone());
            }
            Ok(Visit { state, session, ip, scope, seed })
        })
    }
}

/// The peer, or what trusted proxies say: the last entry of `X-Forwarded-For` that is none of theirs.
fn client_ip(state: &State, req: &HttpRequest) -> IpAddr {
    let peer = req.peer_addr().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |addr| addr.ip());
    let trusted = |ip: &IpAddr| state.site.trusted_proxies.contains(&ip.to_canonical());
    if !trusted(&peer) {
        return peer;
    }
    let forwarded = req.headers().get("x-forwarded-for").and_then(|value| value.to_str().ok()).unwrap_or_default();
    forwarded.rsplit(',').map_while(|entry| entry.trim().parse().ok()).find(|ip| !trusted(ip)).unwrap_or(peer)
}
