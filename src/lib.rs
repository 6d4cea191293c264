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
//! | [`lookup`] | destinations of alerts | who they claim to be, where look-ups are switched on |
//!
//! [`pipeline`] wires them; [`config`] is the file a person writes; [`metrics`] has every metric family;
//! [`cli`] is one file per command. Lower rooms never import upper ones. Everything before the sinks runs on
//! capture time, so reading a file and watching live give the same findings.

// Not in the manifest, where they would hold for the black-box tests and benchmarks too.
#![warn(unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

pub mod alert;
pub mod analyse;
pub mod cli;
pub mod config;
pub mod decode;
pub mod device;
pub mod geo;
pub mod lookup;
pub mod metrics;
pub mod names;
pub mod net;
pub mod pipeline;
pub mod report;
pub mod rules;
pub mod settings;
pub mod simulate;
pub mod source;
pub mod time;
pub mod track;
pub mod web;
