//! What an exception would keep back, were it made now.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::live::Shown;
use super::{Alert, Alerts, Called, State};
use crate::analyse::{CameraId, Ledger};
use crate::rules::Suppression;
use crate::time::Timestamp;

/// What an exception would keep back.
#[derive(Debug, Default)]
pub struct WouldHide {
    /// Alerts that fire, and of which it covers at least a part.
    pub alerts: Vec<Alert>,
    /// The cameras of that part.
    pub cameras: BTreeSet<CameraId>,
    /// The destinations of that part.
    pub destinations: BTreeSet<IpAddr>,
}

impl Alerts {
    /// What `exception` would keep back of what is told now.
    pub fn would_hide(&self, exception: &Suppression, ledger: &Ledger, now: Timestamp) -> WouldHide {
        let mut would = WouldHide::default();
        for (key, live) in self.live.iter().filter(|(_, live)| live.is_told()) {
            let told = live.members.values().filter(|member| member.holds && member.hidden.is_none());
            let mut any = false;
            for member in told.filter(|member| exception.covers(&key.0, &member.about, ledger)) {
                any = true;
                would.cameras.extend(member.about.camera);
                would.destinations.extend(match &member.about.called {
                    Called::Pair(_, address)
                    | Called::Place(_, address)
                    | Called::Inside(address, _)
                    | Called::Caller(address, _) => Some(*address),
                    Called::Nobody | Called::Rhythm(_) | Called::Question(_) => None,
                });
            }
            if any {
                would.alerts.push(live.alert(key, State::Firing, now, Shown::Told));
            }
        }
        would
    }
}
