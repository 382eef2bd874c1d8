//! Routes of the whole site, in one table; and the small parts of the API that belong to no noun.

pub mod answers;
pub mod body;
pub mod openapi;
pub mod preflight;
pub mod routes;
pub mod words;
