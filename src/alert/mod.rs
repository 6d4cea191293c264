//! A finding's life: pending while others may join it, firing, resolved; acknowledged, suppressed.
//!
//! Findings of one rule about one subject are one alert, however often they are made and however many cameras they
//! name: a person wants one message that says "140 cameras call 120.26.96.67", not 140 messages. Nor three, where three
//! rules find the same: the worst alert tells of the others. `docs/alert-life.md` has the whole story.

mod acknowledge;
mod adopt;
mod due;
mod exceptions;
mod finding;
mod life;
mod live;
mod many;
mod outbox;
mod packed;
mod preview;
mod room;
mod template;
mod told;

pub use acknowledge::AcknowledgeError;
pub use due::Again;
pub use exceptions::{Hidden, HiddenCounts, SuppressError, SuppressionEntry};
pub use finding::{About, Called, Finding, GroupKey, GroupKind};
pub use life::Alerts;
pub use live::RuleGone;
pub use outbox::{Entry, Outbox};
pub use packed::Packed;
pub use preview::WouldHide;
pub use template::Template;
pub use told::{Acknowledgement, Alert, State, Told, Transition, short_of};
