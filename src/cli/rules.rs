//! `camwatch rules`: what rules and exceptions would have raised and hidden, before they go live.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::Subcommand;

use super::read::{open_geo, read_files, tell_damages};
use super::watching::load_config;
use crate::alert::Alert;
use crate::config::Config;
use crate::device::hours::hour_of;
use crate::pipeline::Analysis;
use crate::pipeline::hours::{self, Hours, Who};
use crate::store::checkpoint::HourRow;
use crate::store::{Reader, StoreOptions};

/// What `rules` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Say what rules and exceptions that are not in force yet would have raised or hidden.
    Test(Test),
}

#[derive(Debug, clap::Args)]
struct Test {
    /// Files with the `[[rule]]`s and `[[suppression]]`s to test; they replace those of the same name.
    #[arg(required = true, value_name = "RULES")]
    candidates: Vec<PathBuf>,
    /// Captures or Zeek's logs to test them on.
    #[arg(long, value_name = "FILES", num_args = 1.., required_unless_present = "last", conflicts_with = "last")]
    against: Vec<PathBuf>,
    /// Test them on the last days or hours of the daemon's ledger, such as `7d` or `48h`; needs --config with [store] path.
    #[arg(long, value_name = "TIME", requires = "config")]
    last: Option<String>,
    /// The configuration that is in force: its rules, cameras and home.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let What::Test(test) = &arguments.what;
    let config = load_config(test.config.as_deref())?;
    let mut candidate = config.clone();
    for path in &test.candidates {
        candidate.add_rules(path)?;
    }
    let (before, after, told, code) = match &test.last {
        None => {
            let before = read_files(&test.against, &config)?;
            let after = read_files(&test.against, &candidate)?;
            let told = format!("{} files", test.against.len());
            let code = tell_damages(&before);
            (before.analysis, after.analysis, told, code)
        }
        Some(last) => {
            let span = duration(last)?;
            let (before, hours) = on_hours(&config, span)?;
            let (after, _) = on_hours(&candidate, span)?;
            (before, after, format!("{hours} hours of the ledger"), ExitCode::SUCCESS)
        }
    };
    let difference = Difference::of(&before, &after);
    let untold = if test.last.is_some() { untold(&config, &candidate) } else { Vec::new() };
    super::answer(|mut out| {
        if test.json {
            let document = serde_json::json!({
                "raised": difference.raised, "hidden": difference.hidden, "gone": difference.gone, "untested": untold,
            });
            serde_json::to_writer_pretty(&mut out, &document)?;
            writeln!(out)?;
        } else {
            out.write_all(difference.text(&told, &untold).as_bytes())?;
        }
        Ok(())
    })?;
    Ok(code)
}

/// `7d`, `48h`, `7 d`.
fn duration(text: &str) -> anyhow::Result<Duration> {
    let spaced: String = text.split_whitespace().collect();
    let at = spaced.find(|c: char| !c.is_ascii_digit()).unwrap_or(spaced.len());
    let (number, unit) = spaced.split_at(at);
    let number: u64 = number.parse().map_err(|_| anyhow!("--last {text}: write 7d or 48h"))?;
    let hours = match unit {
        "h" => Some(number),
        "d" => number.checked_mul(24),
        "w" => number.checked_mul(24 * 7),
        _ => None,
    };
    let seconds = hours.and_then(|hours| hours.checked_mul(3600)).filter(|seconds| *seconds > 0);
    seconds.map(Duration::from_secs).ok_or_else(|| anyhow!("--last {text}: write 7d or 48h"))
}

/// The rules and exceptions of `config` on the last hours of the daemon's ledger, and how many hours that were.
fn on_hours(config: &Config, span: Duration) -> anyhow::Result<(Analysis, usize)> {
    let StoreOptions { path: Some(path), .. } = &config.store else {
        bail!("[store] path is not set: the daemon keeps its ledger in memory, and --last has nothing to read");
    };
    let reader = Reader::of_file(path).with_context(|| format!("{}: the ledger cannot be read", path.display()))?;
    let addresses = addresses(&reader)?;
    let now = super::wall_clock();
    let mut told = Hours::new(config, Arc::new(open_geo(config)?));
    let (mut hour, mut count): (Vec<(HourRow, Who)>, usize) = (Vec::new(), 0);
    reader.hours(hour_of(now - span), hour_of(now) + 1, |row| {
        if hour.first().is_some_and(|(first, _)| first.hour != row.hour) {
            told.tell(&std::mem::take(&mut hour));
            count += 1;
        }
        if let Some(who) = Who::of(&row.camera, config, addresses.get(&row.camera).copied()) {
            hour.push((row, who));
        }
        ControlFlow::Continue(())
    })?;
    count += usize::from(!hour.is_empty());
    told.tell(&hour);
    Ok((told.finish(), count))
}

/// The last address of each device of the inventory.
fn addresses(reader: &Reader) -> anyhow::Result<HashMap<String, IpAddr>> {
    let devices = reader.devices()?.into_iter().filter_map(|device| {
        let addresses = device.document.get("addresses")?.as_array()?.last()?;
        let address = addresses.get("address").unwrap_or(addresses).as_str()?.parse().ok()?;
        Some((device.id, address))
    });
    Ok(devices.collect())
}

/// The rules that are new, and of a kind of which hours say nothing.
fn untold(before: &Config, after: &Config) -> Vec<String> {
    let new = after
        .rules
        .iter()
        .filter(|rule| !before.rules.iter().any(|known| known.name == rule.name && known.source == rule.source));
    new.filter(|rule| !hours::tells(rule.word)).map(|rule| rule.name.to_string()).collect()
}

/// What is otherwise with the candidates.
struct Difference {
    raised: Vec<Alert>,
    hidden: Vec<Alert>,
    gone: Vec<Alert>,
}

impl Difference {
    fn of(before: &Analysis, after: &Analysis) -> Self {
        let (old, new) = (before.alerts(), after.alerts());
        let ids = |alerts: &[Alert]| alerts.iter().map(|alert| alert.id.clone()).collect::<BTreeSet<String>>();
        let (old_ids, new_ids) = (ids(&old), ids(&new));
        let kept_back = ids(&before.suppressed());
        let hidden: Vec<Alert> =
            after.suppressed().into_iter().filter(|alert| !kept_back.contains(&alert.id)).collect();
        let hidden_ids = ids(&hidden);
        Self {
            raised: new.into_iter().filter(|alert| !old_ids.contains(&alert.id)).collect(),
            gone: old
                .into_iter()
                .filter(|alert| !new_ids.contains(&alert.id) && !hidden_ids.contains(&alert.id))
                .collect(),
            hidden,
        }
    }

    fn text(&self, against: &str, untold: &[String]) -> String {
        let mut text = format!("Against {against}:\n");
        for (what, alerts) in [
            ("would have raised", &self.raised),
            ("would have hidden", &self.hidden),
            ("would no longer have raised (it is replaced, or told within another alert)", &self.gone),
        ] {
            let count = alerts.len();
            let alerts_word = if count == 1 { "alert" } else { "alerts" };
            writeln!(text, "\n{what}: {count} {alerts_word}").unwrap_or_default();
            for alert in alerts {
                let by = alert.suppressed_by.join(", ");
                let by = if by.is_empty() { by } else { format!("; by {by}") };
                writeln!(text, "  {:8} {} since {}{by}", alert.severity.to_string(), alert.rule, alert.since)
                    .unwrap_or_default();
                writeln!(text, "           {}", alert.summary).unwrap_or_default();
            }
        }
        if !untold.is_empty() {
            let rules = untold.join(", ");
            writeln!(
                text,
                "\nnot tested: {rules}: an hour's sums say nothing of that kind; test it --against captures"
            )
            .unwrap_or_default();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        assert_eq!(duration("7d").unwrap(), Duration::from_secs(7 * 86_400));
        assert_eq!(duration("48 h").unwrap(), Duration::from_secs(48 * 3600));
        for wrong in ["", "7", "d", "0h", "99999999999999999999d", "7m"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
