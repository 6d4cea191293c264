//! A finding's life: pending while others may join it, firing, resolved.
//!
//! Findings of one rule about one subject are one alert, however often they are made and however many cameras they
//! name: a person wants one message that says "140 cameras call 120.26.96.67", not 140 messages.

mod life;

pub use life::{Alert, Alerts, Finding, GroupKey, State, Transition};
