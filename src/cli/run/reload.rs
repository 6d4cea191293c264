//! The configuration and the files that it names, read anew while the daemon runs.

use std::path::{Path, PathBuf};

use tracing::warn;

use crate::cli::read::open_geo;
use crate::cli::wall_clock;
use crate::config::{self, Config};
use crate::deliver::Dispatcher;
use crate::device::Register;
use crate::geo::Geo;
use crate::lockdown::Confined;
use crate::lookup::ReverseLookup;
use crate::rules::List;
use crate::store::Store;

/// The files that the configuration names and that are read anew when they change.
pub(super) struct Named {
    register: Option<Register>,
    lists: Vec<List>,
}

impl Named {
    pub(super) fn of(config: &Config) -> Self {
        Self { register: config.register.clone(), lists: config.lists().map(List::named).collect() }
    }

    pub(super) fn has_changed(&self) -> bool {
        self.register.as_ref().is_some_and(Register::has_changed) || self.lists.iter().any(List::has_changed)
    }

    /// What cannot be used is told once.
    pub(super) fn pass_over_change(&mut self) {
        self.register.iter_mut().for_each(Register::pass_over_change);
        self.lists.iter_mut().for_each(List::pass_over_change);
    }
}

/// Logs which rows of the register, and which lines of lists, were not taken, and which exceptions have ended.
pub(super) fn tell_left_out(config: &Config) {
    for error in config.left_out().into_iter().chain(config.ended(wall_clock())) {
        warn!("{error}");
    }
}

/// The files that the configuration now names and that a locked process cannot reach.
pub(super) fn outside(path: &Path, confined: &Confined) -> Vec<PathBuf> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let named = config::Named::of(&text, path.parent().unwrap_or(Path::new(".")));
    named.outside(confined).into_iter().map(Path::to_owned).collect()
}

/// The configuration as it is now, with all that it names opened; sinks are in force when this succeeds.
pub(super) async fn read_anew(
    path: &Path,
    dispatcher: &mut Dispatcher<Store>,
) -> anyhow::Result<(Config, Geo, Option<ReverseLookup>)> {
    let config = Config::load(path)?;
    let geo = open_geo(&config)?;
    let lookups = config.lookup.map(ReverseLookup::new).transpose()?;
    dispatcher.reload(config.all_sinks()).await?;
    Ok((config, geo, lookups))
}
