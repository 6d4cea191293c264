//! What people decided: exceptions, with who answers for them.

use std::time::Duration;

use crate::alert::SuppressionEntry;
use crate::config::Config;
use crate::rules::SuppressionSpec;
use crate::store::{Moment, StoreError};
use crate::time::Timestamp;

/// An exception that was in force at some time of the period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceptionTold {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Until when.
    pub until: Timestamp,
    /// Who made it and when, where that was while camwatch ran.
    pub made: Option<(String, Timestamp)>,
    /// When somebody ended it early.
    pub ended: Option<Timestamp>,
    /// Alerts that it kept back since it was made, up to the end of the period; none where that is not on record.
    pub hidden: Option<u64>,
}

/// Those of the configuration, and those made while camwatch ran.
pub(super) fn of_store(
    config: &Config,
    moment: &Moment,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<ExceptionTold>, StoreError> {
    let configured = config.suppressions.iter().map(|one| ExceptionTold {
        name: one.name.to_string(),
        reason: one.reason.clone(),
        owner: one.owner.clone(),
        until: one.until,
        made: None,
        ended: None,
        hidden: None,
    });
    let made = moment.suppressions()?.into_iter().filter(|row| row.start < to).filter_map(|row| {
        let spec: SuppressionSpec = serde_json::from_value(row.document).ok()?;
        let parsed = spec.parse().ok()?;
        Some(ExceptionTold {
            name: row.id,
            reason: parsed.reason,
            owner: parsed.owner,
            until: row.until,
            made: Some((spec.by, spec.at)),
            ended: row.ended,
            hidden: None,
        })
    });
    let end = |one: &ExceptionTold| one.ended.unwrap_or(one.until).min(one.until);
    let mut all: Vec<ExceptionTold> = configured.chain(made).filter(|one| end(one) > from).collect();
    for one in &mut all {
        let since = one.made.as_ref().map_or(Timestamp::default(), |(_, at)| *at);
        // One whose name was free again is told with its beginning; what it kept back stands under its name.
        let name = one.name.strip_suffix(&format!(" ({})", since.as_nanos())).unwrap_or(&one.name);
        // In the hour in which it ended, too.
        let until = end(one).min(to) + Duration::from_secs(3599);
        one.hidden = moment.hidden(name, since, until)?;
    }
    Ok(all)
}

/// Those that an analysis of files had.
pub(super) fn of_entries(entries: Vec<SuppressionEntry>) -> Vec<ExceptionTold> {
    let told = |entry: SuppressionEntry| ExceptionTold {
        name: entry.name.to_string(),
        reason: entry.reason,
        owner: entry.owner,
        until: entry.until,
        made: entry.made,
        ended: None,
        hidden: Some(entry.hidden.alerts),
    };
    entries.into_iter().map(told).collect()
}
