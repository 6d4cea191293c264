//! The commands, one file each.

mod alerts;
mod asking;
mod cameras;
mod check;
mod explain;
mod generate;
mod hash_password;
mod metrics;
mod read;
mod report;
mod rules;
mod run;
mod selftest;
mod setup;
mod shown;
mod simulate;
mod sinks;
mod watching;

use std::io::{BufWriter, Write};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::time::Timestamp;

/// Tells which CCTV cameras call overseas hosts, how often, in what rhythm, and whether anyone answers.
#[derive(Debug, Parser)]
#[command(name = "camwatch", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Analyse capture files and print who called abroad.
    Read(read::Arguments),
    /// List the devices in capture files: cameras, recorders and others, with the reason, against the register.
    Cameras(cameras::Arguments),
    /// Say why a camera's calls do or don't show a rhythm.
    Explain(explain::Arguments),
    /// Write a report of what a daemon keeps, for people: HTML to read and print, and a table as CSV.
    Report(report::Arguments),
    /// Watch interfaces, until stopped.
    Run(run::Arguments),
    /// List, show, acknowledge and suppress the alerts of the running daemon.
    Alerts(alerts::Arguments),
    /// Try rules and exceptions on what was, before they go live.
    Rules(rules::Arguments),
    /// Print every metric with what it tells, as Markdown.
    Metrics,
    /// Read a password, and print its hash for a web configuration file.
    HashPassword(hash_password::Arguments),
    /// Check a configuration: every mistake at once, or the effective configuration.
    Check(check::Arguments),
    /// Ask the running daemon whether an alert would come out at the end of each sink.
    Selftest(selftest::Arguments),
    /// Name the mirror port and start the service.
    Setup(setup::Arguments),
    /// Send a test message through each sink of a configuration.
    Sinks(sinks::Arguments),
    /// Write a made-up capture, with the truth about it beside it.
    Simulate(simulate::Arguments),
    /// Write manual pages.
    Man(generate::Man),
    /// Print completions for a shell.
    Completions(generate::Completions),
}

/// What the clock on the wall says: for what is no part of a capture.
fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_parts(since.as_secs() as i64, since.subsec_nanos())
}

/// Writes what a command answers to standard output.
fn answer(write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    write(&mut out).and_then(|()| Ok(out.flush()?)).context("standard output cannot be written")
}

/// Runs the command that the arguments name. Exit codes: 0 fine, 1 input or configuration at fault, 2 wrong usage.
pub fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Read(arguments) => read::run(&arguments),
        Command::Cameras(arguments) => cameras::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Alerts(arguments) => alerts::run(&arguments),
        Command::Rules(arguments) => rules::run(&arguments),
        Command::Metrics => metrics::run(),
        Command::HashPassword(arguments) => hash_password::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Selftest(arguments) => selftest::run(&arguments),
        Command::Setup(arguments) => setup::run(&arguments),
        Command::Sinks(arguments) => sinks::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Man(arguments) => generate::man(&arguments),
        Command::Completions(arguments) => generate::completions(&arguments),
    };
    done.unwrap_or_else(|error| {
        // Someone who closed the pipe, as `head` does, has read enough.
        let closed = error.chain().any(|cause| {
            let kind = cause.downcast_ref().map(std::io::Error::kind);
            kind.or_else(|| cause.downcast_ref().and_then(serde_json::Error::io_error_kind))
                == Some(std::io::ErrorKind::BrokenPipe)
        });
        if closed {
            return ExitCode::SUCCESS;
        }
        eprintln!("camwatch: {error:#}");
        ExitCode::FAILURE
    })
}
