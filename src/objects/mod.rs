//! Objects as the site serves them, and those that are to go.

pub mod doomed;
pub mod routes;
pub mod serve;

use actix_web::http::StatusCode;

use crate::adapters::storage::StorageError;
use crate::error::Problem;

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Problem {
        match error {
            StorageError::NotFound => Problem::not_found(),
            StorageError::NoSuchBytes => {
                Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "no_such_bytes", "It has no such bytes.")
            }
            StorageError::TooLarge => Problem::too_large(),
            StorageError::Body(_) => Problem::bad_request("The upload broke off. Send it again."),
            error @ StorageError::TryAgain(_) => Problem::unavailable(&error),
            error @ (StorageError::Final(_) | StorageError::NoSuchUpload | StorageError::BadParts(_)) => {
                Problem::internal(error)
            }
        }
    }
}
