//! Who is a camera, and which: configured and registered ones, and those that their MAC prefix or what they say shows.
//!
//! On the capture thread [`Discovery`] reads what devices say ([`facts`]), [`Presence`] who sends at all, and the
//! [`Recogniser`] tells whom to watch. On the analyser's, the [`Inventory`] puts together what is known of each device, and
//! [`Profile`] says what that comes to, with the reason.

mod brand;
mod discovery;
pub mod facts;
pub mod hours;
mod inventory;
mod known;
mod presence;
mod profile;
mod recognise;
pub mod register;
mod saved;
mod vendor;
mod watch;

pub use discovery::Discovery;
pub use facts::Certainty;
pub use inventory::Inventory;
pub use known::{AddressSeen, Device, DeviceId, Known};
pub use presence::Presence;
pub use profile::{Held, Profile};
pub use recognise::{Recogniser, Watched};
pub use register::Register;
pub use vendor::{OtherMaker, Vendor, Vendors};
pub use watch::{Camera, DeviceKind, WatchList};
