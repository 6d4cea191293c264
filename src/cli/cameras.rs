//! `camwatch cameras`.

use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;

use super::read::{open_geo, progress_bar, tell_register_errors};
use crate::config::Config;
use crate::pipeline;
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
    let config = match &arguments.config {
        Some(path) => Config::load(path)?,
        None => Config::default(),
    };
    tell_register_errors(&config);
    let geo = Arc::new(open_geo(&config)?);
    let bar = progress_bar();
    let reading = pipeline::read::read(&arguments.files, &config, geo, |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    let ledger = reading.analysis.ledger();
    if let Some(path) = &arguments.write_register {
        // What a person has written there is not overwritten.
        let mut file = std::fs::File::create_new(path)
            .with_context(|| format!("{} cannot be written anew: name a file that does not exist", path.display()))?;
        file.write_all(inventory::register(ledger)?.as_bytes())?;
    }
    let mut out = BufWriter::new(std::io::stdout().lock());
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &inventory::Document::new(&reading.capture, ledger))?;
        writeln!(out)?;
    } else if arguments.csv {
        out.write_all(inventory::csv(ledger)?.as_bytes())?;
    } else {
        out.write_all(inventory::text(ledger, arguments.all).as_bytes())?;
    }
    out.flush()?;
    for damage in &reading.capture.damages {
        eprintln!("camwatch: {damage}");
    }
    Ok(if reading.capture.damages.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
