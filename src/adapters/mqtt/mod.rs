//! The event spine: every lifecycle event goes out over MQTT. Contract for listeners: docs/EVENTS.md.
//!
//! [`EmbeddedBroker`] stands in where there is no broker; [`MqttSpine`] speaks to it or to any other by URL.

mod broker;
mod spine;

pub use broker::{BrokerError, EmbeddedBroker};
pub use spine::{BrokerAddress, MqttSpine, TOPIC_ROOT};
