//! `camwatch read`.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::anyhow;
use indicatif::{ProgressBar, ProgressStyle};

use super::watching::Watching;
use crate::alert::Alert;
use crate::config::Config;
use crate::geo::{Geo, GeoError};
use crate::lookup::{LookupOptions, ReverseLookup};
use crate::pipeline;
use crate::pipeline::read::Reading;
use crate::report::{Document, summary};

/// What `read` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Captures (pcap or pcapng), or Zeek's conn.log with dns.log, ssl.log, http.log and quic.log for names; also .gz and
    /// .zst; `-` for standard input.
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    watching: Watching,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = arguments.watching.config()?;
    let reading = read_files(&arguments.files, &config)?;
    let mut alerts = reading.analysis.alerts();
    if let Some(options) = config.lookup {
        look_up(options, &mut alerts)?;
    }
    let ledger = reading.analysis.ledger();
    super::answer(|mut out| {
        if arguments.json {
            let document = Document::new(&reading.capture, ledger, &alerts, reading.evicted_flows);
            serde_json::to_writer_pretty(&mut out, &document)?;
            writeln!(out)?;
        } else {
            let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
            out.write_all(summary::text(&reading.capture, ledger, &alerts, now_s).as_bytes())?;
        }
        Ok(())
    })?;
    Ok(tell_damages(&reading))
}

/// Reads files to their end, with a bar where someone watches.
pub(super) fn read_files(files: &[PathBuf], config: &Config) -> anyhow::Result<Reading> {
    let geo = Arc::new(open_geo(config)?);
    let bar = progress_bar();
    let reading = pipeline::read::read(files, config, geo, |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    Ok(reading)
}

/// Says where files are damaged, and exits with 1 then.
pub(super) fn tell_damages(reading: &Reading) -> ExitCode {
    for damage in &reading.capture.damages {
        eprintln!("camwatch: {damage}");
    }
    if reading.capture.damages.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Asks who the destinations of alerts claim to be.
fn look_up(options: LookupOptions, alerts: &mut [Alert]) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut lookup = ReverseLookup::new(options)?;
        for alert in alerts {
            alert.ptr_claims = lookup.claims(&alert.destinations()).await;
        }
        Ok(())
    })
}

/// Opens the configured country and owner data.
pub(super) fn open_geo(config: &Config) -> anyhow::Result<Geo> {
    Geo::open(&config.geo_options()).map_err(|errors: Vec<GeoError>| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow!("{}", lines.join("\n"))
    })
}

pub(super) fn progress_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left") {
        bar.set_style(style);
    }
    bar
}
