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
    if !left_out.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    super::answer(|out| Ok(out.write_all(config.effective().as_bytes())?))?;
    Ok(ExitCode::SUCCESS)
}
