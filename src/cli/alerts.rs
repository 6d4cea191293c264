//! `camwatch alerts`: asks the running daemon over its control socket.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::anyhow;
use clap::Subcommand;
use serde_json::{Value, json};

use super::asking::{Asking, Daemon, to_json};
use crate::alert::{Alert, State, SuppressionEntry};
use crate::store::AuditRow;
use crate::time::Timestamp;
use crate::web::api::Detail;

/// Rows of the audit trail that are shown.
const MAX_AUDIT: usize = 1000;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// What `alerts` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List alerts, the worst first.
    List {
        /// Of this state only.
        #[arg(long, value_name = "STATE")]
        state: Option<StateWord>,
    },
    /// Who acknowledged and suppressed what, the newest first: the last 1,000.
    Audit,
    /// Everything about one alert, and what was told of it.
    Show {
        /// Its short id, or the beginning of it.
        id: String,
    },
    /// Take an alert on: it sends no updates until it becomes worse.
    Ack {
        /// Its short id, or the beginning of it.
        id: String,
        /// What is being done about it.
        #[arg(long, short, value_name = "TEXT", default_value = "")]
        note: String,
        /// Who takes it on.
        #[arg(long, value_name = "NAME", env = "USER")]
        who: String,
    },
    /// Make an exception: what it covers is not told until a day. Covers what an alert is about, or what the keys say.
    Suppress(Suppress),
    /// List exceptions, with what each of them has hidden.
    Suppressions,
    /// End an exception that was made while camwatch ran.
    Unsuppress {
        /// Its name.
        name: String,
        /// Who ends it.
        #[arg(long, value_name = "NAME", env = "USER")]
        who: String,
    },
}

#[derive(Debug, clap::Args)]
struct Suppress {
    /// The alert that it is about: its rule, its cameras and whom they call are covered.
    #[arg(value_name = "ALERT", required_unless_present_any = ["rules", "cameras", "sites", "addresses", "names"])]
    id: Option<String>,
    /// Its name; made from the alert if left out.
    #[arg(long, value_name = "NAME", required_unless_present = "id")]
    name: Option<String>,
    /// Why this is not to be told.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who answers for it.
    #[arg(long, value_name = "NAME")]
    owner: String,
    /// The last day, or the moment of its end: 2026-12-31, or RFC 3339.
    #[arg(long, value_name = "DATE")]
    until: String,
    /// Rules, by patterns (`*` stands for any text).
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    rules: Vec<String>,
    /// Cameras, by patterns.
    #[arg(long, value_name = "CAMERAS", value_delimiter = ',')]
    cameras: Vec<String>,
    /// Sites, by patterns.
    #[arg(long, value_name = "SITES", value_delimiter = ',')]
    sites: Vec<String>,
    /// Destinations, by address or range.
    #[arg(long, value_name = "RANGES", value_delimiter = ',')]
    addresses: Vec<String>,
    /// Destinations, by patterns of names.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    names: Vec<String>,
    /// Who makes it.
    #[arg(long, value_name = "NAME", env = "USER")]
    who: String,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum StateWord {
    Firing,
    Resolved,
    Suppressed,
}

impl From<StateWord> for State {
    fn from(word: StateWord) -> Self {
        match word {
            StateWord::Firing => Self::Firing,
            StateWord::Resolved => Self::Resolved,
            StateWord::Suppressed => Self::Suppressed,
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let text = runtime.block_on(answer(arguments))?;
    super::answer(|out| Ok(out.write_all(text.as_bytes())?))?;
    Ok(ExitCode::SUCCESS)
}

async fn answer(arguments: &Arguments) -> anyhow::Result<String> {
    let daemon = arguments.asking.daemon(PATIENCE)?;
    match &arguments.what {
        What::List { state } => {
            let state = state.map(|state| format!("&state={}", json!(State::from(state)).as_str().unwrap_or_default()));
            let path = format!("/alerts?sort=worst{}", state.unwrap_or_default());
            let all: Vec<Alert> = daemon.list(&path, usize::MAX).await?;
            if arguments.asking.json { to_json(&all) } else { Ok(list(&all)) }
        }
        What::Audit => {
            let all: Vec<AuditRow> = daemon.list("/audit?", MAX_AUDIT).await?;
            if arguments.asking.json {
                return to_json(&all);
            }
            Ok(trail(&all))
        }
        What::Show { id } => {
            let detail: Detail = daemon.get(&format!("/alerts/{}", in_path(id))).await?;
            if arguments.asking.json { to_json(&detail) } else { show(&detail) }
        }
        What::Ack { id, note, who } => {
            let path = format!("/alerts/{}/acknowledgement", in_path(id));
            let alert: Alert = daemon.send(reqwest::Method::POST, &path, &json!({ "who": who, "note": note })).await?;
            if arguments.asking.json {
                return to_json(&alert);
            }
            Ok(format!("{} is acknowledged by {who}: {}\n", alert.short, alert.subject))
        }
        What::Suppress(suppress) => {
            let text = suppress.text(&daemon).await?;
            let said = json!({ "who": suppress.who, "text": text });
            let made: Option<SuppressionEntry> = daemon.send(reqwest::Method::POST, "/suppressions", &said).await?;
            if arguments.asking.json {
                return to_json(&made);
            }
            let made = made.ok_or_else(|| anyhow!("the exception has ended already"))?;
            Ok(format!("suppression {} is in force until {}; it says:\n{}\n", made.name, made.until, made.text.trim()))
        }
        What::Suppressions => {
            let all: Vec<SuppressionEntry> = daemon.list("/suppressions?", usize::MAX).await?;
            if arguments.asking.json { to_json(&all) } else { Ok(exceptions(&all)) }
        }
        What::Unsuppress { name, who } => {
            let path = format!("/suppressions/{}", in_path(name));
            let () = daemon.send(reqwest::Method::DELETE, &path, &json!({ "who": who })).await?;
            Ok(format!("suppression {name} has ended: what it hid and still holds is told again\n"))
        }
    }
}

impl Suppress {
    /// The keys of a `[[suppression]]`.
    async fn text(&self, daemon: &Daemon) -> anyhow::Result<String> {
        let mut keys = toml::Table::new();
        let mut name = self.name.clone();
        let mut lists = [
            ("rules", self.rules.clone()),
            ("cameras", self.cameras.clone()),
            ("sites", self.sites.clone()),
            ("addresses", self.addresses.clone()),
            ("names", self.names.clone()),
        ];
        if let Some(id) = &self.id {
            let alert: Alert = daemon.get(&format!("/alerts/{}", in_path(id))).await?;
            name.get_or_insert_with(|| format!("{} {}", alert.rule, alert.short));
            for ((_, list), found) in lists.iter_mut().zip(about(&alert)) {
                if list.is_empty() {
                    *list = found;
                }
            }
        }
        let name = name.unwrap_or_default();
        for (key, text) in [("name", &name), ("reason", &self.reason), ("owner", &self.owner), ("until", &self.until)] {
            keys.insert(key.to_owned(), text.clone().into());
        }
        for (key, list) in lists {
            if !list.is_empty() {
                keys.insert(key.to_owned(), list.into());
            }
        }
        Ok(toml::to_string(&keys)?)
    }
}

/// What an alert is about, as `rules`, `cameras`, `sites`, `addresses` and `names` of an exception.
fn about(alert: &Alert) -> [Vec<String>; 5] {
    let text = |value: &Value| value.as_str().map(globset::escape);
    let members = alert.evidence.get("members").and_then(Value::as_array);
    let cameras = members.into_iter().flatten().filter_map(|member| text(member.get("subject")?)).collect();
    let of = |key: &str| alert.evidence.get(key).and_then(Value::as_str).map(str::to_owned).into_iter().collect();
    [vec![globset::escape(&alert.rule)], cameras, Vec::new(), of("destination"), of("name")]
}

/// A segment of a path.
fn in_path(text: &str) -> String {
    text.bytes().fold(String::new(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            path.push(char::from(byte));
        } else {
            write!(path, "%{byte:02X}").unwrap_or_default();
        }
        path
    })
}

fn list(all: &[Alert]) -> String {
    if all.is_empty() {
        return "no alerts\n".to_owned();
    }
    let mut text = String::new();
    writeln!(text, "{:10}  {:8}  {:10}  {:20}  {:22}  SUBJECT", "ID", "SEVERITY", "STATE", "SINCE", "RULE")
        .unwrap_or_default();
    for alert in all {
        let since = second(alert.since);
        writeln!(
            text,
            "{:10}  {:8}  {:10}  {since:20}  {:22}  {}",
            alert.short,
            alert.severity.to_string(),
            state(alert),
            alert.rule,
            alert.subject
        )
        .unwrap_or_default();
    }
    text
}

fn trail(all: &[AuditRow]) -> String {
    let line = |row: &AuditRow| {
        let details = on_one_line(&row.details);
        format!("{}  {}  {}  {details}\n", second(row.time), row.who, row.what)
    };
    all.iter().map(line).collect()
}

/// What somebody wrote, which may have lines of its own, and must not command a terminal.
fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A moment to the second.
fn second(time: Timestamp) -> String {
    let text = time.to_string();
    format!("{}Z", text.get(..19).unwrap_or(&text))
}

fn state(alert: &Alert) -> &'static str {
    match alert.state {
        State::Firing if alert.acknowledged.is_some() => "acked",
        State::Pending => "pending",
        State::Firing => "firing",
        State::Resolved => "resolved",
        State::Suppressed => "suppressed",
    }
}

fn show(Detail { alert, history }: &Detail) -> anyhow::Result<String> {
    let mut text = format!("{}\n\n", alert.summary);
    let mut line = |what: &str, value: &str| writeln!(text, "{what:14}{value}").unwrap_or_default();
    line("id", &format!("{} ({})", alert.short, alert.id));
    line("rule", &format!("{}, {}", alert.rule, alert.severity));
    line("state", state(alert));
    line("since", &alert.since.to_string());
    if let Some(resolved) = alert.resolved {
        line("resolved", &resolved.to_string());
    }
    if let Some(taken) = &alert.acknowledged {
        line("acknowledged", &format!("by {} at {}: {}", taken.who, taken.at, on_one_line(&taken.note)));
    }
    if !alert.suppressed_by.is_empty() {
        line("suppressed by", &alert.suppressed_by.join(", "));
    }
    if alert.flaps > 0 {
        line("flapped", &format!("{} times", alert.flaps));
    }
    if let Some(runbook) = &alert.runbook {
        line("runbook", runbook);
    }
    for (address, claim) in &alert.ptr_claims {
        line("claims to be", &format!("{address}: {claim}"));
    }
    if !history.is_empty() {
        writeln!(text, "\ntold")?;
    }
    for told in history {
        writeln!(text, "{}  {:12}  {:8}  {}", second(told.time), told.event, told.severity, told.summary)?;
    }
    writeln!(text, "\nevidence\n{}", serde_json::to_string_pretty(&alert.evidence)?)?;
    Ok(text)
}

fn exceptions(all: &[SuppressionEntry]) -> String {
    if all.is_empty() {
        return "no suppressions\n".to_owned();
    }
    let mut text = String::new();
    for entry in all {
        let hidden = match entry.hidden.last {
            Some(last) => format!("hid {} alerts, last at {last}", entry.hidden.alerts),
            None => "has hidden nothing so far".to_owned(),
        };
        let state = if entry.ended { "ended at" } else { "until" };
        writeln!(text, "{}: {state} {}; {hidden}", entry.name, entry.until).unwrap_or_default();
        writeln!(text, "    {} ({})", entry.reason, entry.owner).unwrap_or_default();
        match &entry.made {
            Some((who, at)) => writeln!(text, "    made by {who} at {at}").unwrap_or_default(),
            None => writeln!(text, "    in the configuration").unwrap_or_default(),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_stays_on_its_line_of_the_audit_trail_and_commands_no_terminal() {
        let row = AuditRow {
            time: Timestamp::from_parts(1_790_000_000, 0),
            who: "anna".to_owned(),
            what: "acknowledge".to_owned(),
            details: "3083ee87f3: seen\n\u{1b}[2Jand told".to_owned(),
        };
        assert_eq!(trail(&[row]), "2026-09-21T14:13:20Z  anna  acknowledge  3083ee87f3: seen  [2Jand told\n");
    }

    #[test]
    fn an_id_with_slashes_is_one_segment() {
        assert_eq!(in_path("overseas-rate/destination/1.2.3.4 x"), "overseas-rate%2Fdestination%2F1.2.3.4%20x");
    }
}
