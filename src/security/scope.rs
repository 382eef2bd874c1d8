//! What the shell knows about one page request before a handler runs.

use actix_web::HttpMessage;
use actix_web::dev::ServiceRequest;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::locale;
use crate::page::{Page, PageUser, initials};
use crate::security::{csrf, seal};
use crate::session::Session;
use crate::state::State;

/// One page request.
#[derive(Debug)]
pub struct Scope {
    /// Token for the page's forms.
    pub csrf: String,
    /// A visitor mark that must be set, when the browser brought neither a session nor a mark.
    pub fresh_visitor: Option<String>,
    /// Text key of the flash that the browser brought.
    pub flash: Option<String>,
    /// Path and query.
    pub path: String,
    /// Set once a handler asked who visits.
    pub session: RefCell<Option<Arc<Session>>>,
}

impl Scope {
    /// Makes the scope and leaves it with the request.
    pub fn open(state: &State, req: &ServiceRequest) -> Option<Rc<Scope>> {
        let headers = req.headers();
        let held = csrf::seed(&state.jar, headers).map(str::to_string);
        let fresh_visitor = match held {
            Some(_) => None,
            None => Some(seal::random_token().ok()?),
        };
        let seed = held.as_ref().or(fresh_visitor.as_ref())?;
        let path = req.uri().path_and_query().map_or("/", |path| path.as_str()).to_string();
        let scope = Rc::new(Scope {
            csrf: csrf::token(&state.seal, seed),
            flash: state.jar.flash_of(headers).filter(|key| locale::has(key)).map(str::to_string),
            fresh_visitor,
            path,
            session: RefCell::new(None),
        });
        req.extensions_mut().insert(scope.clone());
        Some(scope)
    }

    /// The frame of the page that answers this request.
    pub fn page(&self, state: &State, title: impl Into<String>) -> Page {
        let session = self.session.borrow();
        let user = session.as_ref().map(|session| PageUser {
            name: session.name.clone(),
            handle: session.handle.clone(),
            guest: session.is_guest(),
            initials: initials(&session.name),
        });
        let name = user.as_ref().map_or("", |user| user.name.as_str());
        Page {
            title: title.into(),
            csrf: self.csrf.clone(),
            flash: self.flash.as_ref().map(|key| locale::text_with(key, "name", name)),
            user,
            path: self.path.clone(),
            dev: state.site.development,
            sandbox: state.till.as_ref().is_some_and(|till| till.is_sandbox()),
            assets: state.assets.clone(),
            social: None,
        }
    }
}
