//! Somebody takes an alert on, by its id or the beginning of it.

use super::live::{Key, Live};
use super::{Acknowledgement, Alerts, Told, Transition, short_of};
use crate::time::Timestamp;

/// An alert could not be acknowledged.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AcknowledgeError {
    /// There is none.
    #[error("there is no alert `{0}`: take the short id of one that fires from the list of alerts")]
    Unknown(String),
    /// It is over.
    #[error("alert {0} has ended: there is nothing to take on")]
    Ended(String),
    /// The beginning fits several.
    #[error("`{0}` is the beginning of several alerts: {list}: write more of it", list = .1.join(", "))]
    Ambiguous(String, Vec<String>),
    /// It has no message of its own.
    #[error("alert {0} is told as a part of {1}: acknowledge that one")]
    PartOf(String, String),
}

impl Alerts {
    /// Takes an alert on: it sends no updates until it becomes worse or ends. `id` is an alert's id, its short form, or the
    /// beginning of either that fits one alone.
    pub fn acknowledge(
        &mut self,
        id: &str,
        who: &str,
        note: &str,
        at: Timestamp,
    ) -> Result<Transition, AcknowledgeError> {
        let key = self.find(id)?;
        let missing = || AcknowledgeError::Unknown(id.to_owned());
        let live = self.live.get_mut(&key).ok_or_else(missing)?;
        live.acknowledged = Some(Acknowledgement { who: who.to_owned(), note: note.to_owned(), at });
        let told = live.told;
        let transition = live.tell(&key, Told::Acknowledged, at, None);
        // Told by the clock of whoever took it on; rations go by that of the capture.
        live.told = told;
        Ok(transition)
    }

    fn find(&self, id: &str) -> Result<Key, AcknowledgeError> {
        let short = short_of;
        let fits = |full: &str| !id.is_empty() && (full.starts_with(id) || short(full).starts_with(id));
        let exact = |full: &str| full == id || short(full) == id;
        let ids = self.live.iter().filter(|(_, live)| live.fired.is_some() || live.within.is_some());
        let mut found: Vec<(String, &Key, &Live)> =
            ids.map(|(key, live)| (live.id(key), key, live)).filter(|(full, ..)| fits(full)).collect();
        if let Some(at) = found.iter().position(|(full, ..)| exact(full)) {
            found = vec![found.swap_remove(at)];
        }
        match found.as_slice() {
            [] => match self.past.iter().find(|alert| fits(&alert.id)) {
                Some(alert) => Err(AcknowledgeError::Ended(short(&alert.id))),
                None => Err(AcknowledgeError::Unknown(id.to_owned())),
            },
            [(full, key, live)] => match &live.within {
                Some(teller) => {
                    let told = self.live.get(teller).map(|live| short(&live.id(teller))).unwrap_or_default();
                    Err(AcknowledgeError::PartOf(short(full), told))
                }
                None => Ok((*key).clone()),
            },
            several => {
                let ids = several.iter().take(8).map(|(full, ..)| short(full)).collect();
                Err(AcknowledgeError::Ambiguous(id.to_owned(), ids))
            }
        }
    }
}
