//! nginx with its RTMP module, which records what is published.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::clip::Folder;

/// A running nginx; ended when dropped.
pub struct Nginx {
    pub port: u16,
    records: PathBuf,
    _child: Child,
}

impl Nginx {
    pub async fn start(folder: &Folder) -> Nginx {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let records = folder.path().join("records");
        std::fs::create_dir_all(&records).unwrap();
        let config = folder.path().join("nginx.conf");
        std::fs::write(&config, configuration(folder.path(), &records, port)).unwrap();
        let child = Command::new("nginx")
            .env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()))
            .arg("-c")
            .arg(&config)
            .arg("-p")
            .arg(folder.path())
            .args(["-e", "stderr"])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
            assert!(Instant::now() < until, "nginx does not listen");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Nginx { port, records, _child: child }
    }

    /// The one recording, if it has begun.
    pub fn recorded(&self) -> Option<String> {
        let entry = std::fs::read_dir(&self.records).unwrap().next()?.unwrap();
        Some(entry.path().display().to_string())
    }
}

/// One process that does all: nothing is left when it ends.
fn configuration(folder: &Path, records: &Path, port: u16) -> String {
    format!(
        "load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
pid {folder}/nginx.pid; daemon off; master_process off; error_log stderr warn;
events {{ worker_connections 64; }}
rtmp {{ server {{ listen 127.0.0.1:{port}; chunk_size 4096;
  application live {{ live on; wait_key on; record all; record_path {records}; }} }} }}
",
        folder = folder.display(),
        records = records.display(),
    )
}
