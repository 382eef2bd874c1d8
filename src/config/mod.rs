//! The configuration: `config/default.toml`, then a file, then the environment; checked as a whole.

mod check;
mod layers;
mod secret;
#[cfg(test)]
mod tests;

pub use layers::Sources;
pub use secret::Secret;

use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::path::PathBuf;

use crate::adapters::sms::TwilioSettings;

/// Everything wrong with a configuration, one sentence each: which key, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Problems(pub Vec<String>);

/// A configuration that was checked. Its keys are documented in `config/default.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What kind of place this is.
    pub environment: Environment,
    /// Where the server listens.
    pub server: Server,
    /// Where things are kept.
    pub data: Data,
    /// Which database.
    pub database: Database,
    /// Where posters and recordings are kept.
    pub storage: Storage,
    /// Whether shows are recorded.
    pub recording: Recording,
    /// Which media server.
    pub livekit: LiveKit,
    /// When an audience is moved to HLS.
    pub delivery: Delivery,
    /// Who carries HLS.
    pub mux: Mux,
    /// Who takes money.
    pub payments: Payments,
    /// Times of streams.
    pub streams: Streams,
    /// How mail is sent.
    pub mail: Mail,
    /// Who sends text messages.
    pub sms: Sms,
    /// Which broker.
    pub mqtt: Mqtt,
    /// Whose pages may be framed.
    pub embeds: Embeds,
    /// Rates.
    pub limits: Limits,
    /// Logs and error reports.
    pub telemetry: Telemetry,
}

/// What kind of place this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// A laptop: demo seeds, dev pages.
    Development,
    /// The public.
    Production,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Address to listen on.
    pub host: IpAddr,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
    /// See [`Config::public_url`].
    pub public_url: String,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Threads that answer requests; 0: as many as there are cores.
    pub workers: usize,
}

/// `[data]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The folder.
    pub dir: PathBuf,
}

/// `[database]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Empty for SQLite in the data folder; see [`Config::database_url`].
    pub url: Secret,
}

/// `[storage]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// Which store.
    pub kind: StorageKind,
    /// See [`Config::objects_dir`].
    pub folder: PathBuf,
    /// The bucket.
    pub s3: S3,
}

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StorageKind {
    /// A folder.
    Files,
    /// A bucket.
    S3,
}

/// `[storage.s3]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    /// Empty: AWS itself.
    pub endpoint: String,
    /// `auto` at R2.
    pub region: String,
    /// Its name.
    pub bucket: String,
    /// Key id.
    pub access_key_id: String,
    /// Key.
    pub secret_access_key: Secret,
    /// Bucket in the path.
    pub path_style: bool,
}

/// `[recording]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// Whether shows are recorded.
    pub enabled: bool,
    /// How long recordings are kept, days; 0: for ever.
    pub keep_days: u32,
    /// The program that makes films.
    pub ffmpeg: PathBuf,
}

/// `[livekit]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveKit {
    /// Of an existing server; empty: our own is started.
    pub url: String,
    /// Where browsers reach it; empty: at `url`.
    pub public_url: String,
    /// API key of the existing server.
    pub api_key: String,
    /// API secret of the existing server.
    pub api_secret: Secret,
    /// The server of our own.
    pub embedded: Embedded,
}

/// `[livekit.embedded]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embedded {
    /// Program to start.
    pub program: PathBuf,
    /// Address browsers send media to.
    pub host: IpAddr,
}

/// `[mux]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mux {
    /// Of the REST API.
    pub base_url: String,
    /// Id of the token; empty: an origin of our own is started.
    pub token_id: String,
    /// Secret of the token.
    pub token_secret: Secret,
    /// Signs webhooks.
    pub webhook_secret: Secret,
    /// Id of the key that signs playback.
    pub signing_key: String,
    /// The key: PEM in base64.
    pub private_key: Secret,
    /// Where players go.
    pub stream_base_url: String,
    /// Where the bridge publishes.
    pub ingest_url: String,
    /// The origin of our own.
    pub embedded: Origin,
}

/// `[mux.embedded]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Address that encoders, and players that do not come through this site, reach it at.
    pub host: IpAddr,
    /// Port of playback and REST; 0 takes a free one.
    pub port: u16,
    /// Port of RTMP; 0 takes a free one.
    pub rtmp_port: u16,
    /// Where players reach it; empty: under `/hls` of this site.
    pub public_url: String,
    /// Cuts clips and pictures.
    pub ffmpeg: PathBuf,
}

/// `[delivery]`: [`backstage_core::delivery::Limits`], and whether there is HLS at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "each is documented in the core and in config/default.toml")]
pub struct Delivery {
    pub enabled: bool,
    pub bridge: BridgeKind,
    pub egress_file: String,
    pub webrtc_viewers_max: u32,
    pub warm_at_percent: u32,
    pub hysteresis_percent: u32,
    pub cooldown_ms: i64,
    pub cohort_percent: u32,
    pub cohort_every_ms: i64,
    pub jitter_ms: i64,
    pub overflow_percent: u32,
    pub warm_limit_ms: i64,
    pub retry_ms_min: i64,
    pub retry_ms_max: i64,
    pub expected_trust_ms: i64,
    /// See [`crate::adapters::mux::TOKEN_MS`].
    pub playback_token_ms: i64,
    pub budget: backstage_core::delivery::budget::Budget,
}

/// Who sends to the HLS provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BridgeKind {
    /// This server.
    Embedded,
    /// LiveKit's Egress.
    Egress,
}

impl Delivery {
    /// The figures for new streams; `None` without HLS.
    pub fn limits(&self) -> Option<backstage_core::delivery::Limits> {
        self.enabled.then_some(backstage_core::delivery::Limits {
            webrtc_viewers_max: self.webrtc_viewers_max,
            warm_at_percent: self.warm_at_percent,
            hysteresis_percent: self.hysteresis_percent,
            cooldown_ms: self.cooldown_ms,
            cohort_percent: self.cohort_percent,
            cohort_every_ms: self.cohort_every_ms,
            jitter_ms: self.jitter_ms,
            overflow_percent: self.overflow_percent,
            warm_limit_ms: self.warm_limit_ms,
            retry_ms_min: self.retry_ms_min,
            retry_ms_max: self.retry_ms_max,
            expected_trust_ms: self.expected_trust_ms,
            budget: self.budget,
        })
    }
}

/// `[payments]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payments {
    /// Who takes money; see [`Config::payment_provider`].
    pub provider: PaymentProvider,
    /// Of the Stripe account, `sk_…`.
    pub secret_key: Secret,
    /// Of the same account, `pk_…`.
    pub publishable_key: String,
    /// Proves webhooks, `whsec_…`.
    pub webhook_secret: Secret,
    /// Of the REST API.
    pub base_url: String,
    /// What the platform keeps of each sale, hundredths of a percent.
    pub platform_fee_bp: u16,
}

/// Who takes money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentProvider {
    /// Stripe where there is a key, else the sandbox in development, else nobody.
    Auto,
    /// Stripe.
    Stripe,
    /// Our own, where no money moves.
    Sandbox,
    /// Nobody: nothing is sold.
    None,
}

/// `[streams]`, all in ms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Streams {
    /// Grace of new experiences.
    pub grace_ms: i64,
    /// Between two sweeps.
    pub sweep_ms: u64,
    /// See [`backstage_actors::Limits::lease_ms`].
    pub lease_ms: i64,
    /// See [`backstage_actors::Limits::poll_ms`].
    pub poll_ms: u64,
}

/// `[mail]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// `smtp://` or `smtps://`; empty: mail is kept for `/dev/mail`.
    pub smtp_url: Secret,
    /// Sender.
    pub from: String,
}

/// `[sms]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sms {
    /// Who sends; see [`Config::texts_by`].
    pub provider: SmsProvider,
    /// Of the Twilio account, `AC…`.
    pub account_sid: String,
    /// Its token.
    pub auth_token: Secret,
    /// A number of the account, or a messaging service, `MG…`.
    pub from: String,
    /// Of the REST API.
    pub base_url: String,
    /// The most texts in one hour of UTC, to everybody together.
    pub hourly_max: u32,
}

/// Who is asked to send text messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmsProvider {
    /// Twilio where its keys are, else the mailbox in development, else nobody.
    Auto,
    /// Twilio.
    Twilio,
    /// Nobody: a phone number is not asked for.
    None,
}

/// Who really sends text messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextsBy {
    /// Twilio.
    Twilio,
    /// Nobody: they are kept for `/dev/mail`.
    Mailbox,
    /// Nobody, and there are none.
    Nobody,
}

/// `[mqtt]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mqtt {
    /// Of an existing broker; empty: our own.
    pub url: String,
    /// Name at the broker.
    pub user: String,
    /// Password at the broker.
    pub password: Secret,
    /// Port of our own broker on 127.0.0.1; 0 takes a free one.
    pub port: u16,
}

/// `[embeds]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embeds {
    /// Hosts, each as it stands in an address.
    pub hosts: Vec<String>,
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "each is documented in default.toml, once")]
pub struct Limits {
    pub codes_per_address_and_network: Rate,
    pub codes_per_network: Rate,
    pub codes_per_address: Rate,
    pub texts_per_network: Rate,
    pub tries_per_network: Rate,
    pub joins_per_network: Rate,
    pub admissions_per_network: Rate,
    pub writes_per_network: Rate,
    pub sockets_per_network: Rate,
    pub uplinks_per_network: Rate,
}

/// `count` at once, refilled within `seconds`; both at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How many at once.
    pub count: u32,
    /// Until all of them are there again.
    pub seconds: u32,
}

/// `[telemetry]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// Empty: errors are reported nowhere.
    pub sentry_dsn: Secret,
    /// What a scraper of `/metrics` must send as a bearer token. Empty: nothing is asked.
    pub metrics_token: Secret,
    /// How log lines look.
    pub log_format: LogFormat,
    /// What is logged, in the syntax of `tracing_subscriber::EnvFilter`.
    pub log_filter: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// `Pretty` in development, `Json` in production.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

impl Config {
    /// Reads and checks everything; either a configuration that can work or all that is wrong.
    pub fn load(sources: &Sources) -> Result<Config, Problems> {
        let (config, mut problems) = layers::merge(sources);
        if let Some(config) = &config {
            problems.extend(check::problems(config));
        }
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            Some(_) | None => Err(Problems(problems)),
        }
    }

    /// Whether this is a laptop.
    pub fn is_development(&self) -> bool {
        self.environment == Environment::Development
    }

    /// Who takes money; never [`PaymentProvider::Auto`].
    pub fn payment_provider(&self) -> PaymentProvider {
        match self.payments.provider {
            PaymentProvider::Auto if !self.payments.secret_key.is_empty() => PaymentProvider::Stripe,
            PaymentProvider::Auto if self.is_development() => PaymentProvider::Sandbox,
            PaymentProvider::Auto => PaymentProvider::None,
            chosen => chosen,
        }
    }

    /// Who sends text messages.
    pub fn texts_by(&self) -> TextsBy {
        let sms = &self.sms;
        let keyed = !sms.account_sid.is_empty() || !sms.auth_token.is_empty() || !sms.from.is_empty();
        match sms.provider {
            SmsProvider::Twilio => TextsBy::Twilio,
            SmsProvider::Auto if keyed => TextsBy::Twilio,
            SmsProvider::Auto if self.is_development() => TextsBy::Mailbox,
            SmsProvider::Auto | SmsProvider::None => TextsBy::Nobody,
        }
    }

    /// How Twilio is reached.
    pub fn twilio(&self) -> TwilioSettings {
        TwilioSettings {
            account_sid: self.sms.account_sid.clone(),
            auth_token: self.sms.auth_token.clone(),
            from: self.sms.from.clone(),
            base_url: self.sms.base_url.clone(),
        }
    }

    /// Where the database is: the URL given, or a SQLite file in the data folder.
    pub fn database_url(&self) -> Secret {
        if self.database.url.is_empty() {
            Secret::new(crate::db::Db::url_of(&self.data.dir.join("backstage.db")))
        } else {
            self.database.url.clone()
        }
    }

    /// The folder of objects kept as files.
    pub fn objects_dir(&self) -> PathBuf {
        match self.storage.folder.as_os_str().is_empty() {
            true => self.data.dir.join("objects"),
            false => self.storage.folder.clone(),
        }
    }

    /// The address people use, without a slash at its end; `port` is the one really listened on.
    pub fn public_url(&self, port: u16) -> String {
        match self.server.public_url.trim_end_matches('/') {
            "" => format!("http://{}", std::net::SocketAddr::new(self.server.host, port)),
            url => url.to_owned(),
        }
    }

    /// Whether the logs are for machines.
    pub fn logs_json(&self) -> bool {
        match self.telemetry.log_format {
            LogFormat::Auto => !self.is_development(),
            LogFormat::Json => true,
            LogFormat::Pretty => false,
        }
    }
}
