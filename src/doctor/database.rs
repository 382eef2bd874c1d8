//! Can the database be opened?

use super::Finding;
use crate::config::Config;
use crate::db::Db;
use std::time::Duration;

const ANSWER_MAX: Duration = Duration::from_secs(5);
const PART: &str = "database";

/// Opens it and asks one thing; makes no file and changes nothing.
pub async fn look(config: &Config) -> Finding {
    let own = config.database.url.is_empty();
    let file = config.data.dir.join("backstage.db");
    if own && !file.exists() {
        return Finding::fine(PART, format!("{} will be made.", file.display()));
    }
    let url = config.database_url();
    let asked = Db::look(url.expose());
    let what_to_do = if own {
        "move the file away, or put back a copy that works"
    } else {
        "check database.url (DATABASE_URL) and that the server runs"
    };
    match tokio::time::timeout(ANSWER_MAX, asked).await {
        Ok(Ok(())) => Finding::fine(PART, "The database answers."),
        Ok(Err(error)) => Finding::fault(PART, format!("{error}: {what_to_do}.")),
        Err(_) => Finding::fault(PART, format!("No answer within {} s: {what_to_do}.", ANSWER_MAX.as_secs())),
    }
}
