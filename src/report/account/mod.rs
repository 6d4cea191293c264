//! What a report says, before it has a form: what was asked, what was covered, what was found, and what was done about it.
//!
//! The same account is made from files ([`of_reading`]) and from what a daemon keeps ([`of_store`]). The ledger's rows do
//! not stand in it: there may be millions. They pass by once, in the order of cameras and destinations, on their way to the
//! table beside the report; the account keeps sums, and the largest few rows of the cameras that call most.

mod asked;
mod covered;
mod gather;
mod of_reading;
mod of_store;
mod people;

use std::net::IpAddr;

use crate::alert::Alert;
use crate::analyse::Counts;
use crate::device::DeviceKind;
use crate::geo::Class;
use crate::net::Service;
use crate::time::Timestamp;

pub use asked::{Asked, Origin, RuleInForce, Settings, SourceTold};
pub use covered::{Covered, Gap, HourTally, Known, NotSeen, Packets, Untold};
pub use gather::{Gatherer, LARGEST_ROWS, Outlet, SHOWN_CAMERAS};
pub use of_reading::{ByHour, Found, of_reading};
pub use of_store::{AccountError, Period, of_store};
pub use people::ExceptionTold;

/// Alerts that are told one by one.
pub const MAX_ALERTS: usize = 200;

/// Everything that a report says.
#[derive(Debug, Default)]
pub struct Account {
    /// What was asked, of whom, with which configuration.
    pub asked: Asked,
    /// What could be observed.
    pub covered: Covered,
    /// What all cameras came to, by what the destination is.
    pub sums: Vec<ClassSum>,
    /// Attempts to destinations of the cameras' own network.
    pub internal_attempts: u64,
    /// Every watched device of the period: those that called most overseas first.
    pub cameras: Vec<CameraTold>,
    /// Where the calls went and whose that is: the most attempts first.
    pub places: Vec<PlaceSum>,
    /// Attempts by the hour, of the hours in which there were any.
    pub hours: Vec<HourSum>,
    /// Alerts of the period, those that fire first.
    pub alerts: Vec<Alert>,
    /// Alerts that are not among them.
    pub alerts_left_out: u64,
    /// Exceptions that were in force.
    pub exceptions: Vec<ExceptionTold>,
    /// Lines of the ledger that left memory or had no room: their figures are missing.
    pub lines_left_out: u64,
}

/// A camera and a destination.
#[derive(Debug, Clone)]
pub struct Row {
    /// Whom the camera called.
    pub address: IpAddr,
    /// Under which names.
    pub names: Vec<String>,
    /// What it called there.
    pub services: Vec<Service>,
    /// Where that is, and whose.
    pub place: PlaceTold,
    /// What it came to.
    pub counts: Counts,
    /// The first event within the period.
    pub first: Timestamp,
    /// The last event within the period.
    pub last: Timestamp,
}

/// Where an address is, and whose.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceTold {
    /// What that means.
    pub class: Class,
    /// `CN`, or `DE or US` where sources disagree.
    pub country: Option<String>,
    /// Who announces it.
    pub owner: Option<String>,
    /// Where that network is registered.
    pub owner_country: Option<String>,
}

/// What one class of destinations came to.
#[derive(Debug, Clone)]
pub struct ClassSum {
    /// The class.
    pub class: Class,
    /// Cameras that called it.
    pub cameras: u64,
    /// Pairs of camera and destination.
    pub rows: u64,
    /// What they came to.
    pub counts: Counts,
}

/// What one country and owner came to.
#[derive(Debug, Clone)]
pub struct PlaceSum {
    /// Where and whose.
    pub place: PlaceTold,
    /// Cameras that called there.
    pub cameras: u64,
    /// What they came to.
    pub counts: Counts,
}

/// Attempts in an hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HourSum {
    /// Whole hours since 1970.
    pub hour: i64,
    /// Attempts to destinations overseas.
    pub overseas: u64,
    /// Attempts to destinations of no known country.
    pub unknown: u64,
}

/// Who a watched device is.
#[derive(Debug, Clone, Default)]
pub struct CameraAbout {
    /// The id that alerts, JSON and metrics have.
    pub id: String,
    /// The name that people gave it.
    pub name: Option<String>,
    /// Where it is.
    pub site: Option<String>,
    /// What it is.
    pub kind: Option<DeviceKind>,
    /// Its maker and model, as far as they are known.
    pub make: Option<String>,
    /// The address that it had last.
    pub address: Option<String>,
}

/// A watched device and what it did.
#[derive(Debug, Clone, Default)]
pub struct CameraTold {
    /// Who it is.
    pub about: CameraAbout,
    /// In how many hours it could be observed.
    pub hours: HourTally,
    /// What it did overseas.
    pub overseas: Calls,
    /// What it did where no country is known.
    pub unknown: Calls,
    /// Destinations at home and elsewhere.
    pub other_rows: u64,
}

/// A camera's calls to destinations of one class.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    /// What all of them came to.
    pub counts: Counts,
    /// Destinations.
    pub rows: u64,
    /// The largest of them, the most attempts first; none where the camera is not among those that are shown.
    pub largest: Vec<Row>,
}

impl CameraTold {
    /// Of a device of which nothing else is known.
    pub fn new(about: CameraAbout) -> Self {
        Self { about, ..Self::default() }
    }

    /// Whether it called nobody at all, but inside the network.
    pub fn called_nobody(&self) -> bool {
        !self.called_out() && self.other_rows == 0
    }

    /// Whether it called overseas, or where no country is known.
    pub fn called_out(&self) -> bool {
        self.overseas.rows + self.unknown.rows > 0
    }
}

impl Account {
    /// What a class came to.
    pub fn sum_of(&self, class: Class) -> Option<&ClassSum> {
        self.sums.iter().find(|sum| sum.class == class)
    }
}
