//! What was found, for machines ([`document`]) and for people ([`summary`]).

mod device;
pub mod document;
pub mod inventory;
pub mod summary;

pub use document::Document;
