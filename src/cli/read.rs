//! `camwatch read`.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::anyhow;
use indicatif::{ProgressBar, ProgressStyle};

use super::report::Told;
use super::shown::Shown;
use super::watching::Watching;
use crate::alert::Alert;
use crate::config::Config;
use crate::geo::{Geo, GeoError};
use crate::lookup::{LookupOptions, ReverseLookup};
use crate::pipeline;
use crate::pipeline::read::Reading;
use crate::report::account::{Found, of_reading};
use crate::report::{Document, Files, summary};
use crate::source::OpenError;

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
    /// Write a report for people too: an HTML file to read and print, and beside it a table that ends in .csv.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Then show the same as pages for a browser on this machine, until Ctrl-C: nothing can be changed there.
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:9470", conflicts_with = "report")]
    serve: Option<SocketAddr>,
    #[command(flatten)]
    told: Told,
    #[command(flatten)]
    watching: Watching,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = arguments.watching.config()?;
    // Before what may take long: a port that is taken is told at once.
    let shown = arguments.serve.map(Shown::open).transpose()?;
    let reading = match (&arguments.report, &shown) {
        (_, Some(shown)) => with_progress(&config, |geo, progress| {
            pipeline::read::read_into(&arguments.files, &config, geo, &shown.store, progress)
        })?,
        (Some(_), None) => with_progress(&config, |geo, progress| {
            pipeline::read::read_by_the_hour(&arguments.files, &config, geo, progress)
        })?,
        (None, None) => read_files(&arguments.files, &config)?,
    };
    if let Some(path) = &arguments.report {
        write_report(path, &reading, &config, &arguments.told)?;
    }
    let mut alerts = reading.analysis.alerts();
    if let Some(options) = config.lookup {
        look_up(options, &mut alerts)?;
    }
    let ledger = reading.analysis.ledger();
    super::answer(|mut out| {
        if arguments.json {
            let exceptions = (reading.analysis.suppressed(), reading.analysis.suppressions());
            let document =
                Document::new(&reading.capture, ledger, &alerts, reading.evicted_flows).with_exceptions(exceptions);
            serde_json::to_writer_pretty(&mut out, &document)?;
            writeln!(out)?;
        } else {
            let now_s = super::wall_clock().as_secs();
            alerts.extend(reading.analysis.suppressed());
            out.write_all(summary::text(&reading.capture, ledger, &alerts, now_s).as_bytes())?;
        }
        Ok(())
    })?;
    let code = tell_damages(&reading);
    if let Some(shown) = shown {
        shown.serve(config, reading.analysis)?;
    }
    Ok(code)
}

/// Reads files to their end, with a bar where someone watches.
pub(super) fn read_files(files: &[PathBuf], config: &Config) -> anyhow::Result<Reading> {
    with_progress(config, |geo, progress| pipeline::read::read(files, config, geo, progress))
}

fn with_progress(
    config: &Config,
    read: impl FnOnce(Arc<Geo>, &mut dyn FnMut(u64, u64)) -> Result<Reading, OpenError>,
) -> anyhow::Result<Reading> {
    let geo = Arc::new(open_geo(config)?);
    let bar = progress_bar();
    let reading = read(geo, &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    Ok(reading)
}

/// The report of what was read. It says nothing of the clock on the wall: two of the same files are the same.
fn write_report(path: &Path, reading: &Reading, config: &Config, told: &Told) -> anyhow::Result<()> {
    let mut files = Files::begin(path)?;
    let mut outlet = |camera: &_, row: &_| files.row(camera, row);
    let mut alerts = reading.analysis.alerts();
    alerts.extend(reading.analysis.suppressed());
    let found = Found {
        capture: &reading.capture,
        ledger: reading.analysis.ledger(),
        alerts,
        exceptions: reading.analysis.suppressions(),
        by_hour: &reading.by_hour,
    };
    let account = of_reading(found, config, told.asked_by.clone(), &mut outlet)?;
    let table = files.finish(&account, &told.time_zone)?;
    eprintln!("camwatch: the report is in {}, its table in {}", path.display(), table.display());
    Ok(())
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
