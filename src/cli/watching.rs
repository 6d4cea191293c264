//! The arguments that `read` and `explain` share: whom to watch, and what is home.

use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::geo::Country;

/// Whom to watch, and what is home.
#[derive(Debug, clap::Args)]
pub(super) struct Watching {
    /// Whom to watch: `cameras` (configured and recognised ones), or `all` who open a connection.
    #[arg(long, value_name = "WHO", default_value = "cameras")]
    watch: Watch,
    /// Home countries: what is elsewhere is overseas.
    #[arg(long, value_name = "GB,IE", value_delimiter = ',')]
    home: Vec<Country>,
    /// A configuration file; not needed.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Watch {
    Cameras,
    All,
}

impl Watching {
    /// The configuration file, or the default, with what the arguments say.
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        let mut config = load_config(self.config.as_deref())?;
        config.watch.all |= self.watch == Watch::All;
        if !self.home.is_empty() {
            config.home.clone_from(&self.home);
        }
        Ok(config)
    }
}

/// The configuration, or the default one; says which rows of its register and lines of its lists were not taken.
pub(super) fn load_config(path: Option<&Path>) -> anyhow::Result<Config> {
    let config = path.map(Config::load).transpose()?.unwrap_or_default();
    for error in config.left_out() {
        eprintln!("camwatch: {error}");
    }
    Ok(config)
}
