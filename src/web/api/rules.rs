//! The rules in force.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use axum::Json;
use axum::extract::State as Shared;
use serde::Serialize;

use super::ask::Asked;
use super::page::{Page, Part};
use super::suppressions::Paged;
use super::{Api, Failure, Refusal};
use crate::alert::State;
use crate::config::Config;
use crate::pipeline::Analysis;
use crate::rules::Severity;

/// A rule, and what became of it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(super) struct RuleRow {
    name: String,
    /// What it measures.
    kind: String,
    severity: Severity,
    /// It is one that camwatch is built with, in the same words.
    built_in: bool,
    /// What it is for, in words; where nobody has said so, its text.
    summary: String,
    /// The rule as TOML.
    text: String,
    /// Alerts of it that fire.
    firing: u64,
    /// How often something of it began to hold since camwatch was started.
    found: u64,
    /// Alerts of it that exceptions keep back.
    suppressed: u64,
    /// Where it stands what to do.
    runbook: Option<String>,
}

/// The texts of the rules that camwatch is built with.
static BUILT_IN: LazyLock<BTreeMap<Arc<str>, String>> = LazyLock::new(|| {
    let rules = Config::default().rules.into_iter();
    rules.map(|rule| (rule.name, rule.source)).collect()
});

fn rows(analysis: &mut Analysis) -> Vec<RuleRow> {
    let alerts = analysis.alert_list();
    let mut states: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
    for alert in alerts.iter() {
        let counts = states.entry(&alert.rule).or_default();
        counts[0] += u64::from(alert.state == State::Firing);
        counts[1] += u64::from(alert.state == State::Suppressed && alert.resolved.is_none());
    }
    let row = |rule: &crate::rules::Rule| {
        let [firing, suppressed] = states.get(&*rule.name).copied().unwrap_or_default();
        RuleRow {
            name: rule.name.to_string(),
            kind: rule.word.to_owned(),
            severity: rule.severity,
            built_in: BUILT_IN.get(&rule.name) == Some(&rule.source),
            summary: rule.description.clone().unwrap_or_else(|| rule.source.trim().to_owned()),
            text: rule.source.clone(),
            firing,
            found: analysis.alert_book().found(&rule.name),
            suppressed,
            runbook: rule.runbook.as_deref().map(str::to_owned),
        }
    };
    analysis.rules().map(row).collect()
}

/// The rules in force, in the order of their names.
#[utoipa::path(get, path = "/api/v1/rules", tag = "alerts", params(Paged),
    responses((status = 200, body = Page<RuleRow>), (status = 400, body = Refusal), (status = 503, body = Refusal)))]
pub(super) async fn rules(
    Shared(api): Shared<Api>,
    Asked(paged): Asked<Paged>,
) -> Result<Json<Page<RuleRow>>, Failure> {
    let part = Part::new(paged.offset, paged.limit)?;
    let mut all = api.analyser.ask(|analysis| (rows(analysis), Vec::new())).await?;
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Json(part.of(&all, Clone::clone)))
}
