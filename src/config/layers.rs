//! Puts the layers on each other: defaults, file, environment. `default.toml` holds every key, so it also says which
//! keys there are and of what type each is. What does not fit is reported and left out, so that the rest can be checked.

use super::Config;
use crate::adapters::mux::TOKEN_MS;
use std::path::PathBuf;
use toml::{Table, Value};

const DEFAULTS: &str = include_str!("../../config/default.toml");
/// Begins the name of a variable that sets any key: `BACKSTAGE__SECTION__KEY`.
const PREFIX: &str = "BACKSTAGE__";
/// Short names and the keys they set.
pub const SHORT_NAMES: [(&str, &str); 23] = [
    ("PORT", "server.port"),
    ("BACKSTAGE_DATA", "data.dir"),
    ("BACKSTAGE_ENV", "environment"),
    ("DATABASE_URL", "database.url"),
    ("LIVEKIT_URL", "livekit.url"),
    ("LIVEKIT_API_KEY", "livekit.api_key"),
    ("LIVEKIT_API_SECRET", "livekit.api_secret"),
    ("BACKSTAGE_LIVEKIT_BIN", "livekit.embedded.program"),
    ("MUX_BASE_URL", "mux.base_url"),
    ("MUX_TOKEN_ID", "mux.token_id"),
    ("MUX_TOKEN_SECRET", "mux.token_secret"),
    ("MUX_WEBHOOK_SECRET", "mux.webhook_secret"),
    ("MUX_SIGNING_KEY", "mux.signing_key"),
    ("MUX_PRIVATE_KEY", "mux.private_key"),
    ("STRIPE_SECRET_KEY", "payments.secret_key"),
    ("STRIPE_PUBLISHABLE_KEY", "payments.publishable_key"),
    ("STRIPE_WEBHOOK_SECRET", "payments.webhook_secret"),
    ("STRIPE_BASE_URL", "payments.base_url"),
    ("TWILIO_ACCOUNT_SID", "sms.account_sid"),
    ("TWILIO_AUTH_TOKEN", "sms.auth_token"),
    ("TWILIO_FROM", "sms.from"),
    ("MQTT_URL", "mqtt.url"),
    ("SENTRY_DSN", "telemetry.sentry_dsn"),
];
/// Keys that hold a secret: set to nothing, they are a mistake rather than "not set".
const SECRETS: [&str; 10] = [
    "payments.secret_key",
    "payments.webhook_secret",
    "livekit.api_secret",
    "mux.token_secret",
    "mux.webhook_secret",
    "mux.private_key",
    "sms.auth_token",
    "mqtt.password",
    "telemetry.metrics_token",
    "storage.s3.secret_access_key",
];
/// Whole numbers and their bounds, by the end of the key.
const RANGES: [(&str, i64, i64); 22] = [
    ("platform_fee_bp", 0, 10_000),
    ("port", 0, 65_535),
    ("workers", 0, 256),
    ("grace_ms", 1_000, 1_800_000),
    ("sweep_ms", 100, 600_000),
    ("lease_ms", 5_000, 600_000),
    ("poll_ms", 100, 600_000),
    ("keep_days", 0, 36_500),
    ("count", 1, 1_000_000),
    ("seconds", 1, 86_400),
    // The delivery's figures have closer bounds of their own: see check.rs.
    ("viewers_max", 1, 1_000_000),
    ("percent", 0, 1_000),
    ("cooldown_ms", 0, 86_400_000),
    ("every_ms", 100, 600_000),
    ("jitter_ms", 0, 60_000),
    ("warm_limit_ms", 1_000, 600_000),
    ("retry_ms_min", 100, 3_600_000),
    ("retry_ms_max", 100, 86_400_000),
    ("trust_ms", 0, 86_400_000),
    ("token_ms", *TOKEN_MS.start(), *TOKEN_MS.end()),
    ("hourly_max", 1, 1_000_000),
    ("minor", 0, 1_000_000_000_000),
];
/// Keys with a fixed choice.
const CHOICES: [(&str, &[&str]); 5] = [
    ("environment", &["development", "production"]),
    ("telemetry.log_format", &["auto", "json", "pretty"]),
    ("storage.kind", &["files", "s3"]),
    ("sms.provider", &["auto", "twilio", "none"]),
    ("delivery.bridge", &["embedded", "egress"]),
];
/// Keys that are a network address.
const ADDRESSES: [&str; 4] = ["server.host", "server.trusted_proxies", "livekit.embedded.host", "mux.embedded.host"];

/// Where the configuration comes from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A file, if one was named; it must be there.
    pub file: Option<PathBuf>,
    /// The environment.
    pub env: Vec<(String, String)>,
}

impl Sources {
    /// The file named and the environment of this process. Variables that are not Unicode are left out.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn of_process(file: Option<PathBuf>) -> Sources {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Sources { file, env: std::env::vars_os().filter_map(text).collect() }
    }
}

/// The configuration as far as it can be read, and what was wrong on the way.
pub fn merge(sources: &Sources) -> (Option<Config>, Vec<String>) {
    let mut problems = vec![];
    let defaults: Table = match DEFAULTS.parse() {
        Ok(defaults) => defaults,
        Err(error) => return (None, vec![format!("the defaults cannot be read: {error}")]),
    };
    let mut merged = defaults.clone();
    if let Some(file) = &sources.file {
        match read(file) {
            Ok(table) => overlay(&mut merged, table, "", &mut problems),
            Err(problem) => problems.push(problem),
        }
    }
    let long = sources.env.iter().filter_map(|(name, value)| {
        let key = name.strip_prefix(PREFIX)?.to_lowercase().replace("__", ".");
        Some((name.as_str(), key, value.as_str()))
    });
    let short = SHORT_NAMES.iter().filter_map(|(name, key)| {
        let (_, value) = sources.env.iter().find(|(given, _)| given == name)?;
        Some((*name, (*key).to_owned(), value.as_str()))
    });
    for (name, key, value) in long.chain(short) {
        set_from_env(&mut merged, name, &key, value, &mut problems);
    }
    match Value::Table(merged).try_into() {
        Ok(config) => (Some(config), problems),
        Err(error) => {
            problems.push(format!("the configuration cannot be read: {}", error.to_string().trim()));
            (None, problems)
        }
    }
}

fn read(file: &std::path::Path) -> Result<Table, String> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| {
        format!("the configuration file {shown} cannot be read ({error}): correct its name or its rights")
    })?;
    text.parse().map_err(|error| format!("the configuration file {shown} is not valid TOML: {error}"))
}

fn overlay(onto: &mut Table, from: Table, path: &str, problems: &mut Vec<String>) {
    for (name, value) in from {
        let key = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match (onto.get_mut(&name), value) {
            (None, _) => problems.push(unknown(&key, onto, &name)),
            (Some(Value::Table(onto)), Value::Table(from)) => overlay(onto, from, &key, problems),
            (Some(held), value) => match fits(&key, held, &value) {
                Ok(()) => *held = value,
                Err(why) => problems.push(format!("{key} {why}")),
            },
        }
    }
}

fn unknown(key: &str, siblings: &Table, name: &str) -> String {
    let near = siblings.keys().find(|known| resembles(known, name));
    match near {
        Some(near) => format!("{key} is not a known key: did you mean {near}?"),
        None => format!("{key} is not a known key: remove it; config/default.toml lists all of them"),
    }
}

/// Rough likeness: one of them starts the other, or they differ in at most two places.
fn resembles(known: &str, given: &str) -> bool {
    let differing = known.bytes().zip(given.bytes()).filter(|(a, b)| a != b).count();
    let longer = known.len().abs_diff(given.len());
    (given.len() >= 3 && (known.starts_with(given) || given.starts_with(known))) || differing + longer <= 2
}

fn set_from_env(merged: &mut Table, name: &str, key: &str, text: &str, problems: &mut Vec<String>) {
    let Some(held) = find(merged, key) else {
        problems.push(format!("{name} sets {key}, which is not a known key: config/default.toml lists all of them"));
        return;
    };
    match from_text(held, text).and_then(|value| fits(key, held, &value).map(|()| value)) {
        Ok(_) if text.is_empty() && SECRETS.contains(&key) => {
            problems.push(format!("{key} ({name}) is set to nothing: give the secret, or do not set it at all"));
        }
        Ok(value) => *held = value,
        Err(why) => problems.push(format!("{key} ({name}) {why}")),
    }
}

/// The value of a key, unless it is a section.
fn find<'a>(table: &'a mut Table, key: &str) -> Option<&'a mut Value> {
    match key.split_once('.') {
        Some((section, rest)) => find(table.get_mut(section)?.as_table_mut()?, rest),
        None => table.get_mut(key).filter(|value| !value.is_table()),
    }
}

/// A text of the environment as a value of the type that `like` has.
fn from_text(like: &Value, text: &str) -> Result<Value, String> {
    let trimmed = text.trim();
    match like {
        Value::Integer(_) => match trimmed.replace('_', "").parse() {
            Ok(number) => Ok(Value::Integer(number)),
            Err(_) => Err(format!("must be a whole number, not \"{text}\"")),
        },
        Value::Boolean(_) => match trimmed {
            "true" | "1" => Ok(Value::Boolean(true)),
            "false" | "0" => Ok(Value::Boolean(false)),
            _ => Err(format!("must be true or false, not \"{text}\"")),
        },
        Value::Array(_) => {
            let parts = trimmed.split(',').map(str::trim).filter(|part| !part.is_empty());
            Ok(Value::Array(parts.map(|part| Value::String(part.to_owned())).collect()))
        }
        Value::String(_) | Value::Float(_) | Value::Datetime(_) | Value::Table(_) => Ok(Value::String(text.to_owned())),
    }
}

/// Whether `value` may stand where the default is `held`; if not, the rest of the sentence.
fn fits(key: &str, held: &Value, value: &Value) -> Result<(), String> {
    if !held.same_type(value) {
        return Err(format!("must be {}, not {}", article(held), article(value)));
    }
    let last = key.rsplit('.').next().unwrap_or(key);
    match value {
        Value::Integer(number) => {
            let range = RANGES.iter().find(|(end, _, _)| last == *end || last.ends_with(&format!("_{end}")));
            match range {
                Some((_, least, most)) if !(least..=most).contains(&number) => {
                    Err(format!("must be between {least} and {most}, not {number}"))
                }
                Some(_) | None => Ok(()),
            }
        }
        Value::String(text) if ADDRESSES.contains(&key) => address(text),
        Value::String(text) => match CHOICES.iter().find(|(of, _)| *of == key) {
            Some((_, words)) if !words.contains(&text.as_str()) => {
                Err(format!("must be one of {}, not \"{text}\"", words.join(", ")))
            }
            Some(_) | None => Ok(()),
        },
        Value::Array(items) => items.iter().try_for_each(|item| match item.as_str() {
            Some(text) if ADDRESSES.contains(&key) => address(text),
            Some(_) => Ok(()),
            None => Err(format!("must be a list of texts, not of {}", item.type_str())),
        }),
        Value::Boolean(_) | Value::Float(_) | Value::Datetime(_) | Value::Table(_) => Ok(()),
    }
}

fn address(text: &str) -> Result<(), String> {
    match text.parse::<std::net::IpAddr>() {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("must be an IP address such as 127.0.0.1, not \"{text}\"")),
    }
}

fn article(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text in quotes",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a decimal number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    }
}
