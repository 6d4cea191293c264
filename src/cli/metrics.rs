//! `camwatch metrics`.

use std::process::ExitCode;

use super::answer;
use crate::metrics;

pub(super) fn run() -> anyhow::Result<ExitCode> {
    answer(|out| Ok(out.write_all(metrics::document().as_bytes())?))?;
    Ok(ExitCode::SUCCESS)
}
