//! What a mail says: one text for people, plain and as simple HTML.

use std::fmt::Write;
use std::sync::Arc;

use super::super::facts::{CameraFacts, DestinationFacts, Facts};
use crate::alert::{State, Transition};

/// Cameras that are named.
const NAMED: usize = 20;
/// Characters of a subject.
const SUBJECT: usize = 160;

/// The worst that is told, and how much more there is.
pub(super) fn subject(batch: &[Arc<Transition>]) -> String {
    let rank = |transition: &&Arc<Transition>| (transition.alert.state != State::Resolved, transition.alert.severity);
    // Of equals, the one that was told first.
    let Some(worst) = batch.iter().rev().max_by_key(rank) else { return "[camwatch]".to_owned() };
    let what = match worst.alert.state {
        State::Resolved => "resolved".to_owned(),
        _ => worst.alert.severity.to_string(),
    };
    let mut subject = format!("[camwatch] {what}: {}", one_line(&worst.alert.subject));
    if subject.chars().count() > SUBJECT {
        subject = subject.chars().take(SUBJECT).collect::<String>() + "…";
    }
    if batch.len() > 1 {
        let _ = write!(subject, " (and {} more)", batch.len() - 1);
    }
    subject
}

fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// What is told of one transition, line by line: a name and its value.
fn lines(transition: &Transition) -> Vec<(&'static str, String)> {
    let alert = &transition.alert;
    let facts = Facts::of(alert);
    let mut lines = vec![("Why", alert.summary.clone()), ("Rule", format!("{} ({})", alert.rule, alert.severity))];
    lines.push(("Since", alert.since.to_string()));
    lines.extend(alert.resolved.map(|end| ("Over", end.to_string())));
    if !facts.cameras.is_empty() {
        let mut names: Vec<String> = facts.cameras.iter().take(NAMED).map(CameraFacts::text).collect();
        let more = facts.count.saturating_sub(names.len() as u64);
        if more > 0 {
            names.push(format!("and {more} more"));
        }
        lines.push(("Cameras", names.join("; ")));
    }
    let destinations: Vec<String> = facts.destinations.iter().take(NAMED).map(DestinationFacts::text).collect();
    if !destinations.is_empty() {
        lines.push(("Destination", destinations.join("; ")));
    }
    for (address, name) in &alert.ptr_claims {
        lines.push(("Claims to be", format!("{address} is {name}, by reverse DNS")));
    }
    if let Some(taken) = &alert.acknowledged {
        lines.push(("Taken on", format!("{} at {}: {}", taken.who, taken.at, taken.note)));
    }
    lines.extend(alert.runbook.as_deref().map(|link| ("What to do", link.to_owned())));
    lines.push(("Key", transition.key.clone()));
    lines.into_iter().map(|(name, value)| (name, one_line(&value))).collect()
}

fn title(transition: &Transition) -> String {
    let state = match transition.alert.state {
        State::Resolved => "RESOLVED".to_owned(),
        _ => transition.alert.severity.to_string().to_uppercase(),
    };
    format!("{state} ({}): {}", transition.event, one_line(&transition.alert.subject))
}

/// The text.
pub(super) fn plain(batch: &[Arc<Transition>]) -> String {
    let mut out = String::new();
    for transition in batch {
        let _ = writeln!(out, "{}", title(transition));
        for (name, value) in lines(transition) {
            let _ = writeln!(out, "  {name}: {value}");
        }
        out.push('\n');
    }
    out.push_str("camwatch watches the cameras' traffic and sends nothing to them. Times are in UTC.\n");
    out
}

/// The same with headings and tables.
pub(super) fn html(batch: &[Arc<Transition>]) -> String {
    let mut out = "<!doctype html><html><body>\n".to_owned();
    for transition in batch {
        let _ = writeln!(out, "<h3>{}</h3>\n<table>", escaped(&title(transition)));
        for (name, value) in lines(transition) {
            let value = escaped(&value);
            // A runbook is an http(s) link: the configuration takes no other.
            let value = if name == "What to do" { format!("<a href=\"{value}\">{value}</a>") } else { value };
            let _ = writeln!(out, "<tr><th align=\"left\" valign=\"top\">{name}</th><td>{value}</td></tr>");
        }
        out.push_str("</table>\n");
    }
    out.push_str("<p>camwatch watches the cameras' traffic and sends nothing to them. Times are in UTC.</p>\n");
    out.push_str("</body></html>\n");
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::super::super::message::sample;
    use super::*;

    #[test]
    fn says_all_that_is_needed_to_act() {
        let text = plain(&[Arc::new(sample())]);
        for line in [
            "CRITICAL (firing): 2 cameras → 120.26.96.67\n",
            "  Cameras: gate (10.20.7.31, 44:19:b6:00:00:01, town hall); 10.20.7.32 (44:19:b6:00:00:02)\n",
            "  Destination: hik.example, 120.26.96.67, CN, AS37963 Alibaba\n",
            "  What to do: https://intranet.example/cctv\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }

    #[test]
    fn what_is_told_is_text_and_no_html() {
        let mut transition = sample();
        transition.alert.summary = "<script>alert('x')</script>".to_owned();
        let text = html(&[Arc::new(transition)]);
        assert!(!text.contains("<script") && text.contains("&lt;script&gt;"), "{text}");
    }

    #[test]
    fn the_worst_leads() {
        let mut over = sample();
        over.alert.state = State::Resolved;
        assert_eq!(subject(&[Arc::new(over.clone())]), "[camwatch] resolved: 2 cameras → 120.26.96.67");
        let mut warning = sample();
        warning.alert.severity = crate::rules::Severity::Warning;
        warning.alert.subject = "gate".to_owned();
        assert_eq!(subject(&[Arc::new(over), Arc::new(warning)]), "[camwatch] warning: gate (and 1 more)");
    }
}
