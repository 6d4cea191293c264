//! What was found, for machines ([`document`]) and for people ([`summary`]).

pub mod document;
pub mod summary;

pub use document::Document;
