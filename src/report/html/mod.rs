//! The report as one HTML file that stands by itself and prints well. The text is in `templates/report.html`; what is in
//! here puts figures into words. Everything that was seen on the network is text there, whatever it looks like.

mod chart;
mod ledger;
mod told;

use askama::Template;

use super::account::Account;
use super::words::{Clock, grouped};
use crate::alert::{Alert, State};
use crate::rules::Severity;
use chart::Chart;
use ledger::{Ledger, Place, Total};

/// What each kind of rule looks for.
const KINDS: [(&str, &str); 13] = [
    ("rate", "calls that come too often, or too much data, within a time"),
    ("beat", "calls in a steady rhythm, as of a machine that reports to somebody"),
    ("surge", "many cameras that begin to call the same place together"),
    ("new_destination", "a place, owner or country that was not called before"),
    ("silent", "a camera that stops talking although it could be observed"),
    ("unregistered", "a camera that is not in the register"),
    ("policy", "calls to where a camera may not call"),
    ("listed", "calls to addresses or names that are on a list"),
    ("volume", "more data than there should be"),
    ("long", "connections that last very long"),
    ("inbound", "somebody outside who reaches a camera"),
    ("lateral", "a camera that calls many machines inside the network"),
    ("dns", "names that cameras look up, and whom they ask"),
];

/// Hours in a row, and what is to be said of them.
struct Span {
    when: String,
    hours: String,
    why: String,
}

struct RuleLine {
    name: String,
    severity: &'static str,
    looks_for: String,
}

struct AlertLine {
    severity: &'static str,
    rule: String,
    subject: String,
    summary: String,
    id: String,
    since: String,
    state: String,
    done: String,
}

struct ExceptionLine {
    name: String,
    reason: String,
    owner: String,
    until: String,
    made: String,
    hidden: String,
}

/// Everything that the template shows.
#[derive(Template)]
#[template(path = "report.html")]
struct View<'a> {
    version: &'static str,
    account: &'a Account,
    title: String,
    period: String,
    zone: String,
    table: &'a str,
    headline: Vec<String>,
    asked: Vec<(&'static str, String)>,
    watched: &'a [String],
    rules: Vec<RuleLine>,
    covered: Vec<String>,
    warnings: Vec<String>,
    gaps: Vec<Span>,
    gaps_left_out: usize,
    not_seen: Vec<String>,
    not_seen_left_out: usize,
    chart: Option<Chart>,
    totals: Vec<Total>,
    internal: String,
    places: Vec<Place>,
    places_left_out: usize,
    overseas: Ledger,
    unknown: Ledger,
    quiet: Vec<(String, String)>,
    quiet_count: String,
    quiet_left_out: u64,
    alerts: Vec<AlertLine>,
    exceptions: Vec<ExceptionLine>,
    home: String,
    max_loss: u64,
}

/// Registered cameras that are named where they were not met.
const NOT_SEEN: usize = 500;

/// Writes the report; moments are told by `clock`, and the table beside it is called `table`.
pub fn write(out: &mut impl std::io::Write, account: &Account, clock: &Clock, table: &str) -> std::io::Result<()> {
    View::new(account, clock, table).write_into(out)?;
    writeln!(out)
}

/// What was found, in a few sentences.
pub fn in_short(account: &Account) -> Vec<String> {
    told::headline(account)
}

impl<'a> View<'a> {
    fn new(account: &'a Account, clock: &Clock, table: &'a str) -> Self {
        let asked = &account.asked;
        let period = match (asked.from, asked.to) {
            (Some(from), Some(to)) => format!("{} to {}", clock.long(from), clock.long(to)),
            _ => "nothing was captured".to_owned(),
        };
        let zone = match clock.name() {
            "UTC" => {
                "Times are in Coordinated Universal Time (UTC), which is Greenwich Mean Time; British Summer Time \
                      is one hour ahead of it."
                    .to_owned()
            }
            name => format!("Times are by the clock of {name}."),
        };
        let (gaps, gaps_left_out) = told::gaps(account, clock);
        let (places, places_left_out) = ledger::places(account);
        let (quiet, quiet_count, quiet_left_out) = ledger::quiet(account);
        let not_seen = &account.covered.not_seen;
        let missing = not_seen.iter().take(NOT_SEEN).map(|missing| match &missing.site {
            Some(site) => format!("{}, {site}", missing.name),
            None => missing.name.clone(),
        });
        Self {
            version: env!("CARGO_PKG_VERSION"),
            account,
            title: format!("Whom the cameras called: {period}"),
            asked: lines(account, clock, &period),
            period,
            zone,
            table,
            headline: told::headline(account),
            watched: &asked.settings.watched,
            rules: rules(account),
            covered: told::covered(account),
            warnings: told::warnings(account),
            gaps,
            gaps_left_out,
            not_seen: missing.collect(),
            not_seen_left_out: not_seen.len().saturating_sub(NOT_SEEN),
            chart: Chart::of(account, clock),
            totals: ledger::totals(account),
            internal: grouped(account.internal_attempts),
            places,
            places_left_out,
            overseas: ledger::ledger(account, clock, |camera| &camera.overseas),
            unknown: ledger::ledger(account, clock, |camera| &camera.unknown),
            quiet,
            quiet_count: told::devices(account, quiet_count),
            quiet_left_out,
            alerts: account.alerts.iter().map(|alert| alert_line(alert, clock)).collect(),
            exceptions: exceptions(account, clock),
            home: told::home(account),
            max_loss: asked.settings.max_loss_percent,
        }
    }
}

/// What was asked, a line each.
fn lines(account: &Account, clock: &Clock, period: &str) -> Vec<(&'static str, String)> {
    let asked = &account.asked;
    let settings = &asked.settings;
    let mut lines = vec![("Period", period.to_owned())];
    lines.extend(asked.by.clone().map(|by| ("Asked for by", by)));
    if let Some(made) = asked.made {
        lines.push(("Made", format!("{}, by camwatch {}", clock.long(made), env!("CARGO_PKG_VERSION"))));
    } else {
        lines.push(("Made", format!("by camwatch {}", env!("CARGO_PKG_VERSION"))));
    }
    lines.push(("Made from", told::origin(account, clock)));
    let home: Vec<String> = settings.home.iter().map(|home| super::words::country(home.as_str())).collect();
    lines.push(("Home", format!("{}: an address elsewhere is overseas", super::words::and(&home))));
    let private = "private addresses, which cannot be reached from outside";
    let internal = match settings.internal.as_slice() {
        [] => private.to_owned(),
        ranges => format!("{private}, and {}", super::words::and(ranges)),
    };
    lines.push(("Internal", internal));
    lines
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "for information",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

fn rules(account: &Account) -> Vec<RuleLine> {
    let line = |rule: &super::account::RuleInForce| {
        let kind = KINDS.iter().find(|(kind, _)| *kind == rule.kind).map_or("", |(_, text)| text);
        let looks_for =
            if rule.description.is_empty() { format!("Looks for {kind}.") } else { rule.description.clone() };
        RuleLine { name: rule.name.clone(), severity: severity(rule.severity), looks_for }
    };
    account.asked.settings.rules.iter().map(line).collect()
}

fn alert_line(alert: &Alert, clock: &Clock) -> AlertLine {
    let mut done = Vec::new();
    if let Some(taken) = &alert.acknowledged {
        let note = if taken.note.is_empty() { String::new() } else { format!(": {}", taken.note) };
        done.push(format!("Taken on by {} on {}{note}", taken.who, clock.long(taken.at)));
    }
    if !alert.suppressed_by.is_empty() {
        let names: Vec<String> = alert.suppressed_by.iter().map(ToString::to_string).collect();
        done.push(format!("Kept back by the exception {}", super::words::and(&names)));
    }
    if done.is_empty() {
        done.push("Nobody has taken it on".to_owned());
    }
    let state = match (alert.state, alert.resolved) {
        (State::Resolved, Some(end)) => format!("ended {}", clock.long(end)),
        (State::Resolved, None) => "ended".to_owned(),
        (State::Suppressed, _) => "not told".to_owned(),
        (State::Firing | State::Pending, _) => "holds".to_owned(),
    };
    AlertLine {
        severity: severity(alert.severity),
        rule: alert.rule.to_string(),
        subject: alert.subject.clone(),
        summary: alert.summary.clone(),
        id: alert.short.clone(),
        since: clock.long(alert.since),
        state,
        done: done.join(". ") + ".",
    }
}

fn exceptions(account: &Account, clock: &Clock) -> Vec<ExceptionLine> {
    let line = |one: &super::account::ExceptionTold| ExceptionLine {
        name: one.name.clone(),
        reason: one.reason.clone(),
        owner: one.owner.clone(),
        until: match one.ended {
            Some(ended) => format!("{}; ended early on {}", clock.long(one.until), clock.long(ended)),
            None => clock.long(one.until),
        },
        made: match &one.made {
            Some((who, at)) => format!("{who}, {}", clock.long(*at)),
            None => "in the configuration".to_owned(),
        },
        hidden: one.hidden.map_or_else(|| "not on record".to_owned(), grouped),
    };
    account.exceptions.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_rule_is_explained() {
        for (kind, ..) in crate::rules::KINDS {
            assert!(KINDS.iter().any(|(known, _)| *known == kind), "{kind}");
        }
    }

    #[test]
    fn an_empty_account_is_a_report_too() {
        let mut out = Vec::new();
        write(&mut out, &Account::default(), &Clock::default(), "out.csv").unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("No camera or recorder was seen.") && text.contains("</html>"), "{text}");
    }
}
