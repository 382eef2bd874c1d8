//! Facts about this installation.

use super::{SqlStore, unavailable};
use backstage_actors::ports::StoreError;
use sqlx::{query, query_scalar};

const PUT: &str = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
const GET: &str = "SELECT value FROM meta WHERE name = $1";

impl SqlStore {
    /// What names this installation among others on the same media server: 8 hex digits, drawn once and kept.
    pub async fn installation_id(&self) -> Result<String, StoreError> {
        self.meta_or_insert("installation_id", &format!("{:08x}", rand::random::<u32>())).await
    }

    /// The value stored under `name`; `first` is stored and returned if there is none.
    pub async fn meta_or_insert(&self, name: &str, first: &str) -> Result<String, StoreError> {
        let mut write = self.db.begin_write().await.map_err(unavailable)?;
        query(PUT).bind(name).bind(first).execute(&mut *write).await.map_err(unavailable)?;
        let value = query_scalar(GET).bind(name).fetch_one(&mut *write).await.map_err(unavailable)?;
        write.commit().await.map_err(unavailable)?;
        Ok(value)
    }
}
