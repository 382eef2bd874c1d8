//! Both stores, each in a folder of its own that goes with the test.

use crate::temp::TempDir;
use backstage::adapters::storage::{FileStore, Key, ObjectStore, S3Settings, S3Store, Signer};
use backstage::config::Secret;
use backstage::security::seal::Seal;
use backstage::world::SystemClock;
use hyper_util::rt::{TokioExecutor, TokioIo};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use std::path::Path;
use std::sync::{Arc, Once};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

pub struct Stand {
    pub store: Arc<dyn ObjectStore>,
    /// The store does what real S3 does beyond what the test server can.
    pub name: &'static str,
    pub folder: TempDir,
    server: Option<JoinHandle<()>>,
}

impl Drop for Stand {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

pub fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

pub fn file_store(folder: &Path) -> FileStore {
    let signer = Signer::new(Seal::new("test"), "http://pass.test", Arc::new(SystemClock));
    FileStore::open(folder, signer, &SystemClock).unwrap()
}

pub fn files() -> Stand {
    let folder = TempDir::new("storage-files");
    Stand { store: Arc::new(file_store(folder.path())), name: "files", folder, server: None }
}

/// An S3 server on a folder with one bucket, and a store at it.
pub async fn s3() -> Stand {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
    let folder = TempDir::new("storage-s3");
    std::fs::create_dir(folder.path().join("bucket")).unwrap();
    let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
    service.set_auth(SimpleAuth::from_single("id", "secret"));
    let service = service.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let service = service.clone();
            connections.spawn(async move {
                let http = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = http.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    let store = Arc::new(S3Store::new(&settings(&endpoint, "secret")));
    Stand { store, name: "s3", folder, server: Some(server) }
}

pub fn settings(endpoint: &str, secret: &str) -> S3Settings {
    S3Settings {
        endpoint: endpoint.into(),
        region: "us-east-1".into(),
        bucket: "bucket".into(),
        access_key_id: "id".into(),
        secret_access_key: Secret::new(secret),
        path_style: true,
    }
}
