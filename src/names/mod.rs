//! The names in payloads: what a camera asked for in DNS, and what it said in TLS, QUIC and HTTP.
//!
//! Each reader takes bytes as they were captured, trusts no length in them, and says whether the name was found, may come
//! with more bytes, or will not come ([`Reading`]). [`Pieces`] puts together what came in several segments, within bounds.
//! Nothing here keeps payload once a name was found or given up.

pub mod dns;
pub mod encrypted_dns;
pub mod http;
mod pieces;
pub mod quic;
mod text;
pub mod tls;

pub use pieces::Pieces;
pub use text::printable;

/// What reading the beginning of a stream came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading<T> {
    /// It is there.
    Found(T),
    /// It may come: more bytes are needed.
    More,
    /// It will not come.
    Nothing,
}
