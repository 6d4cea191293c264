//! Where an address is, and whose it is: two questions.
//!
//! *Country* is where the address is, by registries and geofeeds; *owner* is the autonomous system that announces it, and
//! *owner country* where that network is registered. An Alibaba server in Frankfurt is DE by place and CN by owner. One
//! database's word is a claim: where two loaded ones disagree on the place, the answer says so.

mod country;
mod database;
mod owners;
mod place;
mod sources;

pub use country::{Country, ParseCountryError};
pub use database::GeoError;
pub use owners::Owner;
pub use place::{Class, Geo, GeoOptions, Place};
pub use sources::{Question, SourceInfo};
