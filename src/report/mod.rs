//! What was found, for machines ([`document`]) and for people ([`summary`]), why ([`explain`]), and the report that is
//! printed and kept: what it says ([`account`]), as HTML ([`html`]), and the table beside it ([`table`]), sent by
//! itself where that is wanted ([`schedule`]).

pub mod account;
pub mod device;
pub mod document;
pub mod explain;
pub mod html;
pub mod inventory;
pub mod schedule;
pub mod summary;
pub mod table;
pub mod words;
mod write;

pub use document::Document;
pub use write::{Files, WriteError};
