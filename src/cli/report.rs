//! `camwatch report`: what a daemon keeps of a period, for people.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use jiff::civil::{Date, DateTime};

use super::read::open_geo;
use super::watching::load_config;
use crate::report::Files;
use crate::report::account::{Period, of_store};
use crate::report::words::Clock;
use crate::store::Reader;
use crate::time::Timestamp;

/// What `report` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The daemon's configuration file: [store] path says where it keeps what it counts. It may go on running.
    #[arg(long, short, value_name = "FILE")]
    config: PathBuf,
    /// From when: a day (2026-11-01), a moment by the clock of --time-zone (2026-11-01T06:00) or one with an offset.
    #[arg(long, value_name = "WHEN")]
    from: String,
    /// Until when: a day counts as a whole; before a moment.
    #[arg(long, value_name = "WHEN")]
    to: String,
    /// The report, an HTML file. Its table has the same name and ends in .csv.
    #[arg(long, short, value_name = "FILE.html")]
    output: PathBuf,
    #[command(flatten)]
    told: Told,
}

/// How a report is told.
#[derive(Debug, clap::Args)]
pub(super) struct Told {
    /// The clock by which a report tells moments, as in Europe/London.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub(super) time_zone: Clock,
    /// Who asks for the report: stands in it.
    #[arg(long, value_name = "NAME")]
    pub(super) asked_by: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let clock = &arguments.told.time_zone;
    let (from, to) = (moment(&arguments.from, clock, Edge::Begin)?, moment(&arguments.to, clock, Edge::End)?);
    if from >= to {
        bail!("--from {} is not before --to {}: there is nothing between them", arguments.from, arguments.to);
    }
    let config = load_config(Some(&arguments.config))?;
    let Some(store) = &config.store.path else {
        bail!(
            "{}: [store] path is not set, so nothing is kept from which a report could be made: name a file there, or make a \
             report of captures by `camwatch read FILES --report FILE.html`",
            arguments.config.display()
        );
    };
    let geo = open_geo(&config)?;
    let reader = Reader::of_file(store).with_context(|| format!("{} cannot be read", store.display()))?;
    let mut files = Files::begin(&arguments.output)?;
    let mut outlet = |camera: &_, row: &_| files.row(camera, row);
    let asked = (arguments.told.asked_by.clone(), super::wall_clock());
    let account = of_store(&reader, Period::around(from, to), &config, &geo, asked, &mut outlet)?;
    let table = files.finish(&account, clock)?;
    eprintln!("camwatch: the report is in {}, its table in {}", arguments.output.display(), table.display());
    Ok(ExitCode::SUCCESS)
}

/// Which end of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    Begin,
    End,
}

fn moment(text: &str, clock: &Clock, edge: Edge) -> anyhow::Result<Timestamp> {
    let zone = clock.zone().clone();
    let found = if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        Some(moment)
    } else if let (Ok(date), 10) = (text.parse::<Date>(), text.len()) {
        // A day ends where the next begins.
        let date = if edge == Edge::End { date.tomorrow()? } else { date };
        Some(date.to_zoned_datetime(zone)?.timestamp())
    } else {
        text.parse::<DateTime>().ok().and_then(|local| Some(local.to_zoned_datetime(zone).ok()?.timestamp()))
    };
    let found = found.with_context(|| {
        format!("`{text}` is no moment: write a day, as 2026-11-01, or a moment, as 2026-11-01T06:00 or 2026-11-01T06:00:00Z")
    })?;
    Ok(Timestamp::from_parts(found.as_second(), u32::try_from(found.subsec_nanosecond()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_whole_day_by_the_clock_that_was_asked_for() {
        let london: Clock = "Europe/London".parse().unwrap();
        let told = |text, edge| moment(text, &london, edge).unwrap().to_string();
        assert_eq!(told("2026-10-25", Edge::Begin), "2026-10-24T23:00:00Z");
        assert_eq!(told("2026-10-25", Edge::End), "2026-10-26T00:00:00Z", "the day has 25 hours");
        assert_eq!(told("2026-07-01T06:00", Edge::End), "2026-07-01T05:00:00Z");
        assert_eq!(told("2026-07-01T06:00:00Z", Edge::Begin), "2026-07-01T06:00:00Z");
        assert!(moment("yesterday", &london, Edge::Begin).unwrap_err().to_string().contains("write a day"));
    }
}
