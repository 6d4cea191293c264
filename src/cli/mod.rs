//! The commands, one file each.

mod cameras;
mod check;
mod explain;
mod read;
mod run;
mod simulate;
mod watching;

use std::io::{BufWriter, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

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
    /// Watch interfaces, until stopped.
    Run(run::Arguments),
    /// Check a configuration: every mistake at once, or the effective configuration.
    Check(check::Arguments),
    /// Write a made-up capture, with the truth about it beside it.
    Simulate(simulate::Arguments),
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
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
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
