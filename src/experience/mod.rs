//! Experiences: the viewer page with its calendar entry, joining, and their forms in the studio.

pub mod calendar;
pub mod form;
pub mod kinds;
pub mod order;
pub mod routes;
pub mod views;
