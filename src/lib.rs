//! camwatch watches CCTV cameras from a mirror (SPAN) port and tells a network team which of them call
//! abroad, how often, in what rhythm, whether anyone answers, and when that changes.
//!
//! The rooms, in the order in which the data meets them:
//!
//! | room | takes | gives |
//! |---|---|---|
//! | [`source`] | an interface, capture files, Zeek logs | [`source::Frame`]s |
//! | [`decode`] | frames | [`decode::Packet`]s, borrowed from the frame |
//! | [`names`] | payloads | the names in them |
//! | [`track`] | packets | [`track::Event`]s: attempts, outcomes, pulses, names |
//! | [`device`] | addresses and MACs | who is a camera |
//! | [`geo`] | addresses | country, owner, and whether that is overseas |
//! | [`analyse`] | events | the ledger of cameras and destinations, beats |
//! | [`rules`] | the ledger | findings |
//! | [`alert`] | findings | alerts, and their way out |
//! | [`store`] | transitions, checkpoints | what is to be sent, and what outlives the process |
//! | [`lookup`] | destinations of alerts | who they claim to be, where look-ups are switched on |
//! | [`deliver`] | alerts that changed | messages to the tools that people have |
//!
//! [`pipeline`] wires them, and writes down and takes back their state in [`saved`] pieces; [`config`] is the file a person writes; [`metrics`] has every metric family;
//! [`lockdown`] takes from the process what it needs no more; [`selftest`] says whether an alert would come out at the end of
//! each sink; [`board`] is the copy of the ledger that [`web`] answers from, to whom [`access`] says; [`cli`] is one file per
//! command. Lower rooms never import upper ones. Everything before the sinks runs on
//! capture time, so reading a file and watching live give the same findings.

// Not in the manifest, where they would hold for the black-box tests and benchmarks too.
#![warn(unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

// So that tests in here and black-box tests share their helpers.
#[cfg(test)]
extern crate self as camwatch;

pub mod access;
pub mod alert;
pub mod analyse;
pub mod board;
pub mod cli;
pub mod config;
pub mod decode;
pub mod deliver;
pub mod device;
pub mod geo;
pub mod health;
pub mod latency;
pub mod lockdown;
pub mod lookup;
pub mod metrics;
pub mod names;
pub mod net;
pub mod pipeline;
pub mod report;
pub mod rules;
pub mod saved;
pub mod selftest;
pub mod settings;
pub mod simulate;
pub mod source;
pub mod store;
pub mod time;
pub mod track;
pub mod web;
