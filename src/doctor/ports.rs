//! Are the ports free that the server will listen on?

use super::Finding;
use crate::config::Config;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

const ANSWER_MAX: Duration = Duration::from_secs(3);

/// The server's port, and the port of our own broker.
pub async fn look(config: &Config) -> Vec<Finding> {
    let web = SocketAddr::new(config.server.host, config.server.port);
    let mut findings = vec![match free(web) {
        Err(Taken::InUse) if answers(web).await => {
            Finding::fine("port", format!("A Backstage Pass runs at {web} already."))
        }
        free => sentence("port", web, "server.port (PORT)", free),
    }];
    if config.mqtt.url.is_empty() && config.mqtt.port != 0 {
        let broker = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), config.mqtt.port);
        findings.push(sentence("broker port", broker, "mqtt.port", free(broker)));
    }
    findings
}

enum Taken {
    InUse,
    Forbidden,
    Other(String),
}

fn free(address: SocketAddr) -> Result<(), Taken> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) => Err(match error.kind() {
            ErrorKind::AddrInUse => Taken::InUse,
            ErrorKind::PermissionDenied => Taken::Forbidden,
            _ => Taken::Other(error.to_string()),
        }),
    }
}

fn sentence(part: &'static str, address: SocketAddr, key: &str, free: Result<(), Taken>) -> Finding {
    let port = address.port();
    match free {
        Ok(()) if port == 0 => Finding::fine(part, "A free port will be taken."),
        Ok(()) => Finding::fine(part, format!("{address} is free.")),
        Err(Taken::InUse) => Finding::fault(
            part,
            format!("{address} is taken by another program: end that program, or set {key} to another port."),
        ),
        Err(Taken::Forbidden) => Finding::fault(
            part,
            format!("This user may not listen on {address}: set {key} to a port above 1023, or put a proxy in front."),
        ),
        Err(Taken::Other(error)) => Finding::fault(
            part,
            format!("{address} cannot be listened on ({error}): set server.host to an address of this machine."),
        ),
    }
}

/// Whether one of ours answers there.
async fn answers(address: SocketAddr) -> bool {
    let Ok(client) = reqwest::Client::builder().timeout(ANSWER_MAX).build() else { return false };
    let readyz = client.get(format!("http://{address}/readyz")).send().await;
    match readyz {
        Ok(answer) => answer.text().await.is_ok_and(|body| body.contains("livekit") || body.contains("database")),
        Err(_) => false,
    }
}
