//! What cannot work together, each as a sentence with the key and what to do.

use super::{BridgeKind, Config, Environment, PaymentProvider, StorageKind, TextsBy};
use crate::adapters::mux::Signer;
use url::Url;

/// All that is wrong with a configuration whose keys and types are right.
pub fn problems(config: &Config) -> Vec<String> {
    let mut problems = vec![];
    let mut say = |wrong: bool, sentence: &str| {
        if wrong {
            problems.push(sentence.to_owned());
        }
    };
    let livekit = &config.livekit;
    let own_livekit = livekit.url.is_empty();
    let keyed = !livekit.api_key.is_empty() || !livekit.api_secret.is_empty();
    say(
        config.data.dir.as_os_str().is_empty(),
        "data.dir (BACKSTAGE_DATA) is empty: name the folder that everything is kept in",
    );
    say(
        own_livekit && keyed,
        "livekit.api_key or livekit.api_secret is set but livekit.url (LIVEKIT_URL) is not: set all three for an existing \
         server, or none to have one started",
    );
    say(
        !own_livekit && livekit.api_key.is_empty(),
        "livekit.api_key (LIVEKIT_API_KEY) is empty: give the key of the server at livekit.url",
    );
    say(
        !own_livekit && livekit.api_secret.is_empty(),
        "livekit.api_secret (LIVEKIT_API_SECRET) is empty: give the secret of the server at livekit.url",
    );
    say(
        own_livekit && livekit.embedded.program.as_os_str().is_empty(),
        "livekit.embedded.program is empty: name the livekit-server program, or set livekit.url",
    );
    let (s3, in_s3) = (&config.storage.s3, config.storage.kind == StorageKind::S3);
    say(in_s3 && s3.bucket.is_empty(), "storage.s3.bucket is empty: name the bucket, or set storage.kind to \"files\"");
    say(
        in_s3 && s3.region.is_empty(),
        "storage.s3.region is empty: name the region, as \"eu-central-1\"; \"auto\" at R2",
    );
    say(in_s3 && s3.access_key_id.is_empty(), "storage.s3.access_key_id is empty: give the id of a key for the bucket");
    say(
        in_s3 && s3.secret_access_key.is_empty(),
        "storage.s3.secret_access_key is empty: give the secret of the key storage.s3.access_key_id",
    );
    say(
        !in_s3 && [&s3.bucket, &s3.access_key_id, &s3.endpoint].iter().any(|given| !given.is_empty()),
        "storage.s3 is filled in but storage.kind is \"files\": set it to \"s3\", or leave storage.s3 empty",
    );
    say(
        in_s3 && !config.storage.folder.as_os_str().is_empty(),
        "storage.folder is set but storage.kind is \"s3\": objects are kept in the bucket, so leave storage.folder empty",
    );
    say(
        config.recording.enabled && config.recording.ffmpeg.as_os_str().is_empty(),
        "recording.ffmpeg is empty: name the ffmpeg program, or set recording.enabled to false",
    );
    for wrong in config.delivery.limits().map(|limits| limits.check()).unwrap_or_default() {
        say(true, &format!("delivery.{wrong}"));
    }
    let (by_egress, file) = (config.delivery.bridge == BridgeKind::Egress, &config.delivery.egress_file);
    say(
        by_egress && own_livekit,
        "delivery.bridge is \"egress\" but livekit.url (LIVEKIT_URL) is not set: Egress needs a LiveKit with Redis, and the \
         one that is started here has none; set livekit.url, or delivery.bridge to \"embedded\"",
    );
    say(
        !by_egress && !file.is_empty(),
        "delivery.egress_file is set but delivery.bridge is \"embedded\": only Egress writes this file; set delivery.bridge \
         to \"egress\", or leave delivery.egress_file empty",
    );
    say(
        !file.is_empty() && !["{time}", "{utc}"].iter().any(|moment| file.contains(moment)),
        "delivery.egress_file has neither {time} nor {utc} in it: each egress would write over the file of the one before; \
         write it as \"{room_name}/{time}\"",
    );
    let mux = &config.mux;
    let own_origin = mux.token_id.is_empty();
    for (key, missing) in [
        ("mux.token_secret (MUX_TOKEN_SECRET)", mux.token_secret.is_empty()),
        ("mux.webhook_secret (MUX_WEBHOOK_SECRET)", mux.webhook_secret.is_empty()),
        ("mux.signing_key (MUX_SIGNING_KEY)", mux.signing_key.is_empty()),
        ("mux.private_key (MUX_PRIVATE_KEY)", mux.private_key.is_empty()),
    ] {
        say(!own_origin && missing, &format!("{key} is empty: it belongs to mux.token_id"));
        say(
            own_origin && !missing,
            &format!("{key} is set but mux.token_id (MUX_TOKEN_ID) is not: our own origin makes up its own secrets"),
        );
    }
    say(
        !mux.private_key.is_empty() && Signer::new("", &mux.private_key).is_err(),
        "mux.private_key (MUX_PRIVATE_KEY) is no RSA key: give it as Mux hands it out, PEM in base64",
    );
    let payments = &config.payments;
    let by_stripe = config.payment_provider() == PaymentProvider::Stripe;
    for (key, missing) in [
        ("payments.secret_key (STRIPE_SECRET_KEY)", payments.secret_key.is_empty()),
        ("payments.publishable_key (STRIPE_PUBLISHABLE_KEY)", payments.publishable_key.is_empty()),
        ("payments.webhook_secret (STRIPE_WEBHOOK_SECRET)", payments.webhook_secret.is_empty()),
    ] {
        say(
            by_stripe && missing,
            &format!("{key} is empty: Stripe needs all three, or set payments.provider to \"none\""),
        );
        say(
            !by_stripe && !missing,
            &format!("{key} is set but Stripe is not used: set payments.provider to \"stripe\", or leave it empty"),
        );
    }
    say(
        config.environment == Environment::Production && payments.provider == PaymentProvider::Sandbox,
        "payments.provider is \"sandbox\" in production: nobody would really pay; give the keys of a Stripe account, or set \
         it to \"none\"",
    );
    let sms = &config.sms;
    let by_twilio = config.texts_by() == TextsBy::Twilio;
    for (key, missing) in [
        ("sms.account_sid (TWILIO_ACCOUNT_SID)", sms.account_sid.is_empty()),
        ("sms.auth_token (TWILIO_AUTH_TOKEN)", sms.auth_token.is_empty()),
        ("sms.from (TWILIO_FROM)", sms.from.is_empty()),
    ] {
        say(
            by_twilio && missing,
            &format!("{key} is empty: Twilio needs all three, or set sms.provider to \"none\" and leave them empty"),
        );
        say(
            !by_twilio && !missing,
            &format!("{key} is set but Twilio is not used: set sms.provider to \"twilio\", or leave it empty"),
        );
    }
    for (key, why) in config.twilio().wrong() {
        say(true, &format!("sms.{key} {why}"));
    }
    for host in &config.embeds.hosts {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        say(
            !host.contains('.') || !host.chars().all(plain),
            &format!(
                "embeds.hosts holds {host:?}: write each host in small letters without scheme and path, as \"player.vimeo.com\""
            ),
        );
        let own = Url::parse(&config.server.public_url).ok();
        say(
            own.as_ref().and_then(Url::host_str) == Some(host),
            "embeds.hosts names the host of server.public_url: a page of this site must never be framed; take it out",
        );
    }
    say(!config.mail.from.contains('@'), "mail.from is not a mail address: write it as \"Name <name@example.com>\"");
    say(
        config.mqtt.user.is_empty() && !config.mqtt.password.is_empty(),
        "mqtt.password is set but mqtt.user is empty: set both or neither",
    );
    say(
        config.mqtt.url.is_empty() && !config.mqtt.user.is_empty(),
        "mqtt.user is set but mqtt.url (MQTT_URL) is not: our own broker makes up its own name and password",
    );
    say(
        config.telemetry.log_filter.parse::<tracing_subscriber::EnvFilter>().is_err(),
        "telemetry.log_filter cannot be read: write it as \"info\" or \"info,backstage=debug\"",
    );
    if config.environment == Environment::Production {
        say(
            !config.server.public_url.starts_with("https://"),
            "server.public_url must be the public https:// address in production: sign-in cookies need it",
        );
        say(
            config.mail.smtp_url.is_empty(),
            "mail.smtp_url is empty: production needs it, since people sign in by mail",
        );
    }
    for (key, url, schemes) in urls(config) {
        if let Some(sentence) = bad_url(key, url, schemes) {
            problems.push(sentence);
        }
    }
    problems
}

fn urls(config: &Config) -> [(&'static str, &str, &'static [&'static str]); 14] {
    [
        ("server.public_url", &config.server.public_url, &["https", "http"]),
        ("database.url (DATABASE_URL)", config.database.url.expose(), &["postgres", "postgresql", "sqlite"]),
        ("livekit.url (LIVEKIT_URL)", &config.livekit.url, &["wss", "ws", "https", "http"]),
        ("livekit.public_url", &config.livekit.public_url, &["wss", "ws"]),
        ("storage.s3.endpoint", &config.storage.s3.endpoint, &["https", "http"]),
        ("mux.base_url (MUX_BASE_URL)", &config.mux.base_url, &["https", "http"]),
        ("mux.stream_base_url", &config.mux.stream_base_url, &["https", "http"]),
        ("mux.ingest_url", &config.mux.ingest_url, &["rtmps", "rtmp"]),
        ("mux.embedded.public_url", &config.mux.embedded.public_url, &["https", "http"]),
        ("payments.base_url (STRIPE_BASE_URL)", &config.payments.base_url, &["https", "http"]),
        ("mail.smtp_url", config.mail.smtp_url.expose(), &["smtp", "smtps"]),
        ("sms.base_url", &config.sms.base_url, &["https", "http"]),
        ("mqtt.url (MQTT_URL)", &config.mqtt.url, &["mqtt", "mqtts"]),
        ("telemetry.sentry_dsn (SENTRY_DSN)", config.telemetry.sentry_dsn.expose(), &["https", "http"]),
    ]
}

/// Never repeats the URL itself: it may hold a password.
fn bad_url(key: &str, url: &str, schemes: &[&str]) -> Option<String> {
    if url.is_empty() {
        return None;
    }
    let Ok(parsed) = Url::parse(url) else {
        return Some(format!("{key} is not a URL: it begins with {}://", schemes.join(":// or ")));
    };
    if !schemes.contains(&parsed.scheme()) {
        return Some(format!("{key} begins with {}:, but must begin with {}", parsed.scheme(), schemes.join(" or ")));
    }
    if parsed.scheme() != "sqlite" && parsed.host_str().is_none_or(str::is_empty) {
        return Some(format!("{key} names no host"));
    }
    None
}
