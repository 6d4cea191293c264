//! `camwatch cameras`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use super::read::{read_files, tell_damages};
use super::watching::load_config;
use crate::report::inventory;

/// What `cameras` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Capture files: pcap or pcapng, also .gz and .zst; `-` for standard input.
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,
    /// Print one JSON document.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV.
    #[arg(long)]
    csv: bool,
    /// List devices that are no cameras too.
    #[arg(long)]
    all: bool,
    /// Write a register of the cameras that were seen, to start from.
    #[arg(long, value_name = "FILE")]
    write_register: Option<PathBuf>,
    /// A configuration file; not needed.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = load_config(arguments.config.as_deref())?;
    let reading = read_files(&arguments.files, &config)?;
    let ledger = reading.analysis.ledger();
    if let Some(path) = &arguments.write_register {
        // What a person has written there is not overwritten.
        let mut file = std::fs::File::create_new(path)
            .with_context(|| format!("{} cannot be written anew: name a file that does not exist", path.display()))?;
        file.write_all(inventory::register(ledger)?.as_bytes())
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    super::answer(|mut out| {
        if arguments.json {
            serde_json::to_writer_pretty(&mut out, &inventory::Document::new(&reading.capture, ledger))?;
            writeln!(out)?;
        } else if arguments.csv {
            out.write_all(inventory::csv(ledger)?.as_bytes())?;
        } else {
            out.write_all(inventory::text(ledger, arguments.all).as_bytes())?;
        }
        Ok(())
    })?;
    Ok(tell_damages(&reading))
}
