//! Admission: a ticket to watch. The hot path of a join storm.

pub mod routes;
