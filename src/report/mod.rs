//! What was found, for machines ([`document`]) and for people ([`summary`]), and why ([`explain`]).

pub mod document;
pub mod explain;
pub mod summary;

pub use document::Document;
