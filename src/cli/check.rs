//! `camwatch check`.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::config::Config;
use crate::geo::Geo;

/// What `check` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration file.
    #[arg(long, short, value_name = "FILE")]
    config: PathBuf,
    /// As before a start: say nothing where nothing is wrong, and fail only for what `run` fails for. Rows of the register
    /// and lines of lists that cannot be used are told all the same.
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = match Config::load(&arguments.config) {
        Ok(config) => config,
        Err(errors) => {
            eprintln!("{errors}");
            return Ok(ExitCode::FAILURE);
        }
    };
    if let Err(errors) = Geo::open(&config.geo_options()) {
        for error in errors {
            eprintln!("{}: [geo]: {error}", arguments.config.display());
        }
        return Ok(ExitCode::FAILURE);
    }
    let left_out = config.left_out();
    for error in &left_out {
        eprintln!("{error}");
    }
    // The daemon tells of these too and takes the rest: before a start they are no reason to watch nothing.
    if !left_out.is_empty() && !arguments.quiet {
        return Ok(ExitCode::FAILURE);
    }
    // Nothing is wrong with the file, but time has gone on.
    for ended in config.ended(super::wall_clock()) {
        eprintln!("warning: {}: {ended}", arguments.config.display());
    }
    if arguments.quiet {
        return Ok(ExitCode::SUCCESS);
    }
    super::answer(|out| Ok(out.write_all(config.effective().as_bytes())?))?;
    Ok(ExitCode::SUCCESS)
}
