//! What every handler can reach.

use backstage_actors::Stage;
use backstage_actors::ports::{Clock, Ids, Rooms};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;

use crate::access::Access;
use crate::adapters::mux::Screens;
use crate::adapters::storage::{ObjectStore, Signer};
use crate::assets::Assets;
use crate::crew::Crew;
use crate::db::Db;
use crate::live::hub::Hub;
use crate::order::Till;
use crate::ports::{Doors, Mail, Sms};
use crate::recording::archive::Archiver;
use crate::security::cookies::Jar;
use crate::security::headers::Headers;
use crate::security::limits::Limits;
use crate::security::seal::Seal;
use crate::session::Sessions;
use crate::space::shown::Kept;
use crate::store::SqlStore;
use crate::stream::health::Trackers;
use crate::telemetry::Metrics;

/// Where the site stands.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// Development: dev pages, seeds, wide limits.
    pub development: bool,
    /// Address people use, `https://host` or `http://host:port`, without a slash at the end.
    pub public_url: String,
    /// Proxies of ours in front: their `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
}

impl Site {
    /// Host and port of the public address.
    pub fn authority(&self) -> Option<&str> {
        self.public_url
            .split_once("://")
            .map(|(_, rest)| rest.split('/').next().unwrap_or(rest))
            .filter(|host| !host.is_empty())
    }

    /// Whether people reach it over TLS.
    pub fn https(&self) -> bool {
        self.public_url.starts_with("https://")
    }
}

/// The application, shared by all workers.
pub struct State {
    /// Where it stands.
    pub site: Site,
    /// Cookie names.
    pub jar: Jar,
    /// Server secret.
    pub seal: Seal,
    /// Answer headers.
    pub headers: Headers,
    /// Asset addresses.
    pub assets: Arc<Assets>,
    /// People's rows.
    pub db: Db,
    /// Aggregates as committed.
    pub store: SqlStore,
    /// The actors.
    pub stage: Stage,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn Ids>,
    /// Rooms of the media server.
    pub rooms: Arc<dyn Rooms>,
    /// Doors of the media server.
    pub doors: Arc<dyn Doors>,
    /// Letters.
    pub mail: Arc<dyn Mail>,
    /// Text messages; `None`: there are none, and nobody is asked for a number.
    pub sms: Option<Arc<dyn Sms>>,
    /// The most of them in one hour of UTC.
    pub texts_hourly_max: u32,
    /// Takes money; `None`: nothing is sold.
    pub till: Option<Arc<Till>>,
    /// Whole files: posters, recordings.
    pub objects: Arc<dyn ObjectStore>,
    /// Signed addresses of objects that are served here.
    pub signer: Signer,
    /// Objects are kept by somebody whom browsers reach themselves, so that large ones need not go through here.
    pub objects_elsewhere: bool,
    /// Brings recordings into the archive.
    pub archiver: Arc<Archiver>,
    /// Places to decode pictures in.
    pub decoding: Semaphore,
    /// Live state of experiences, and their sockets.
    pub live: Arc<Hub>,
    /// Who may watch.
    pub access: Access,
    /// Who is signed in.
    pub sessions: Sessions,
    /// Whose pages may be framed.
    pub embed_hosts: Vec<String>,
    /// What sales pages show.
    pub shown: Kept,
    /// Rates.
    pub limits: Limits,
    /// Figures for operators.
    pub metrics: Arc<Metrics>,
    /// Where viewers watch over HLS; `None`: nobody does.
    pub screens: Option<Arc<Screens>>,
    /// Bridges and recorders.
    pub crew: Option<Arc<Crew>>,
    /// How well streams go.
    pub trackers: Trackers,
    /// Reconnection grace that a new experience starts with, ms.
    pub grace_ms: i64,
}
