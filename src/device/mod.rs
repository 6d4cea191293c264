//! Who is a camera: configured ones, and those whose MAC prefix names a camera maker.

mod recognise;
mod vendor;
mod watch;

pub use recognise::{Recogniser, Watched};
pub use vendor::{Vendor, Vendors};
pub use watch::{Camera, DeviceKind, WatchList};
