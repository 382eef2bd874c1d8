//! Do the mail server, the provider of text messages and the broker take connections? Each may be away for a while, so that
//! is a warning.

use super::Finding;
use crate::config::{Config, TextsBy};
use std::time::Duration;
use tokio::net::TcpStream;
use url::Url;

const ANSWER_MAX: Duration = Duration::from_secs(3);

/// One finding for each neighbour that is configured.
pub async fn look(config: &Config) -> Vec<Finding> {
    let mut findings = vec![];
    let texts_by_twilio = config.texts_by() == TextsBy::Twilio;
    for (part, key, url) in [
        ("mail server", "mail.smtp_url", config.mail.smtp_url.expose()),
        ("text messages", "sms.base_url", if texts_by_twilio { config.sms.base_url.as_str() } else { "" }),
        ("broker", "mqtt.url (MQTT_URL)", config.mqtt.url.as_str()),
    ] {
        if let Ok(url) = Url::parse(url) {
            findings.push(reach(part, key, &url).await);
        }
    }
    findings
}

async fn reach(part: &'static str, key: &str, url: &Url) -> Finding {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().or(usual_port(url.scheme())).unwrap_or_default();
    let cause = match tokio::time::timeout(ANSWER_MAX, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => return Finding::fine(part, format!("{host}:{port} takes connections.")),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", ANSWER_MAX.as_secs()),
    };
    Finding::warning(
        part,
        format!("{host}:{port} cannot be reached ({cause}): check {key}; what is to be sent waits until then."),
    )
}

fn usual_port(scheme: &str) -> Option<u16> {
    match scheme {
        "smtp" => Some(587),
        "smtps" => Some(465),
        "mqtt" | "tcp" => Some(1883),
        "mqtts" | "ssl" => Some(8883),
        _ => None,
    }
}
