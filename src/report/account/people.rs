//! What people decided: exceptions, with who answers for them.

use crate::alert::SuppressionEntry;
use crate::config::Config;
use crate::rules::SuppressionSpec;
use crate::store::SuppressionRow;
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
    /// Alerts that it kept back, as far as that is known.
    pub hidden: Option<u64>,
}

/// Those of the configuration, and those made while camwatch ran.
pub(super) fn of_store(
    config: &Config,
    rows: Vec<SuppressionRow>,
    from: Timestamp,
    to: Timestamp,
) -> Vec<ExceptionTold> {
    let configured = config.suppressions.iter().map(|one| ExceptionTold {
        name: one.name.to_string(),
        reason: one.reason.clone(),
        owner: one.owner.clone(),
        until: one.until,
        made: None,
        ended: None,
        hidden: None,
    });
    let made = rows.into_iter().filter(|row| row.start < to).filter_map(|row| {
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
    configured.chain(made).filter(|one| one.ended.unwrap_or(one.until).min(one.until) > from).collect()
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
