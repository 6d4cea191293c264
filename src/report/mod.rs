//! What was found, for machines ([`document`]) and for people ([`summary`]), and why ([`explain`]).

mod device;
pub mod document;
pub mod explain;
pub mod inventory;
pub mod summary;

pub use document::Document;
