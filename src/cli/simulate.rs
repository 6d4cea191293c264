//! `camwatch simulate`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;

use crate::simulate::{MAX_CAMERAS, MAX_SOURCES, Options, Scenario, simulate};
use crate::time::Timestamp;

/// What `simulate` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What to make up.
    scenario: Which,
    /// The capture to write (.pcap, .pcap.gz, .pcap.zst), or `-`; the truth goes beside it as NAME.truth.json.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// The same seed gives the same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Cameras (office: 5).
    #[arg(long)]
    cameras: Option<u64>,
    /// Attempts per camera and hour.
    #[arg(long, default_value_t = 11_000)]
    rate: u64,
    /// Length in hours.
    #[arg(long, default_value_t = 1.0)]
    hours: f64,
    /// Share of attempts that are answered, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    answered: f64,
    /// fiumicino: share of packets that are internal video, 0 to 0.999.
    #[arg(long, default_value_t = 0.0)]
    video: f64,
    /// Retries of each unanswered attempt.
    #[arg(long, default_value_t = 0)]
    retries: u32,
    /// mixed: every device has another address in the second half.
    #[arg(long)]
    readdress: bool,
    /// onset: the minute in which the calls begin; silence: in which a camera stops.
    #[arg(long, default_value_t = 30)]
    at: u64,
    /// office: people at their desks.
    #[arg(long, default_value_t = 30)]
    people: u64,
    /// flood: made-up addresses.
    #[arg(long, default_value_t = 100_000)]
    sources: u32,
    /// When the capture begins.
    #[arg(long, value_name = "RFC 3339", default_value = "2015-04-01T09:00:00Z")]
    start: String,
    /// Bytes kept of each frame.
    #[arg(long, default_value_t = 262_144)]
    snaplen: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    /// 140 cameras that each call one address in China 11,000 times an hour.
    Fiumicino,
    /// People at their desks, and a few quiet cameras.
    Office,
    /// Cameras that only talk to their recorder, the time server at home and the resolver.
    Quiet,
    /// Quiet, and from a given minute on Fiumicino.
    Onset,
    /// Cameras of three makers, recorders, office machines and a router, each speaking its protocols.
    Mixed,
    /// Quiet, and from a given minute on one camera says nothing any more.
    Silence,
    /// Fiumicino, and beside it many made-up addresses with a camera maker's MAC that each call once.
    Flood,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    // What the 32 bits of a capture's seconds hold, with a year to spare for --hours.
    let start = arguments.start.parse::<jiff::Timestamp>().ok();
    let Some(start) = start.filter(|start| (0..4_260_000_000).contains(&start.as_second())) else {
        bail!("--start {}: write a moment from 1970 to 2104, as in 2015-04-01T09:00:00Z", arguments.start);
    };
    let share = |name: &str, value: f64, end: f64| {
        if (0.0..=end).contains(&value) {
            Ok(value)
        } else {
            Err(anyhow::anyhow!("--{name} {value}: write a share from 0 to {end}"))
        }
    };
    if !(0.0..=24.0 * 366.0).contains(&arguments.hours) || arguments.hours <= 0.0 {
        bail!("--hours {}: write more than 0 and at most a year's", arguments.hours);
    }
    let scenario = match arguments.scenario {
        Which::Fiumicino => Scenario::Fiumicino,
        Which::Office => Scenario::Office,
        Which::Quiet => Scenario::Quiet,
        Which::Onset => Scenario::Onset,
        Which::Mixed => Scenario::Mixed,
        Which::Silence => Scenario::Silence,
        Which::Flood => Scenario::Flood,
    };
    let cameras = arguments.cameras.unwrap_or(if scenario == Scenario::Office { 5 } else { 140 });
    if arguments.rate == 0 || arguments.rate > 3_600_000 || cameras > MAX_CAMERAS || arguments.retries > 6 {
        bail!("--rate must be 1 to 3600000, --cameras at most {MAX_CAMERAS}, --retries at most 6");
    }
    if arguments.sources > MAX_SOURCES {
        bail!("--sources must be at most {MAX_SOURCES}");
    }
    if arguments.people > 65_000 || arguments.snaplen < 64 {
        bail!("--people must be at most 65000, --snaplen at least 64");
    }
    let options = Options {
        seed: arguments.seed,
        cameras,
        rate: arguments.rate,
        seconds: (arguments.hours * 3600.0).round() as u64,
        answered: share("answered", arguments.answered, 1.0)?,
        video: share("video", arguments.video, 0.999)?,
        retries: arguments.retries,
        start: Timestamp::from_nanos(i64::try_from(start.as_nanosecond())?),
        at_minute: arguments.at,
        people: arguments.people,
        sources: arguments.sources,
        readdress: arguments.readdress,
        snaplen: arguments.snaplen,
    };
    simulate(scenario, &options, &arguments.output)?;
    Ok(ExitCode::SUCCESS)
}
