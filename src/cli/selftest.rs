//! `camwatch selftest`: asks the running daemon whether an alert would come out at the end of each sink.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

use super::asking::{Asking, to_json};
use crate::selftest::{Report, SinkResult};

/// Each sink that sends may take its own time.
const PATIENCE: Duration = Duration::from_secs(300);

/// What `selftest` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Have each sink send a message that says that it is a test; without, messages are made and not sent.
    #[arg(long)]
    deliver: bool,
    /// Who has messages sent.
    #[arg(long, value_name = "NAME", env = "USER", default_value = "unknown")]
    who: String,
    #[command(flatten)]
    asking: Asking,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let said = json!({ "deliver": arguments.deliver, "who": arguments.who });
    let report: Report = runtime.block_on(async {
        let daemon = arguments.asking.daemon(PATIENCE)?;
        daemon.send(reqwest::Method::POST, "/selftest", &said).await
    })?;
    let text = if arguments.asking.json { to_json(&report)? } else { text(&report) };
    super::answer(|out| Ok(out.write_all(text.as_bytes())?))?;
    Ok(if report.good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(report: &Report) -> String {
    let mut out = String::new();
    let verdict = if report.good { "good" } else { "FAILED" };
    writeln!(
        out,
        "self test: {verdict} ({} packets of {} made-up cameras played in {:.1} s)",
        report.packets, report.cameras, report.took_s
    )
    .unwrap_or_default();
    for problem in &report.problems {
        writeln!(out, "  wrong: {problem}").unwrap_or_default();
    }
    for alert in &report.alerts {
        writeln!(out, "  alert: {}, {}: {}", alert.rule, alert.severity, alert.subject).unwrap_or_default();
    }
    for sink in &report.sinks {
        writeln!(out, "  sink {} ({}): {}", sink.name, sink.kind, at_sink(sink, report.delivered)).unwrap_or_default();
    }
    out
}

fn at_sink(sink: &SinkResult, deliver: bool) -> String {
    let told = match (sink.alerts, &sink.trouble) {
        (_, Some(trouble)) => return trouble.clone(),
        (0, _) => "is told of none of these alerts".to_owned(),
        (count, _) => format!("is told of {count}, in {} bytes", sink.bytes),
    };
    let sent = if deliver { "a test message was taken" } else { "nothing was sent" };
    format!("{told}; {sent}")
}
