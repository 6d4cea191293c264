//! `camwatch sinks`: whether alerts would arrive, before there are any.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use crate::config::Config;

/// What `sinks` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Send each sink a message that says that it is a test, and say whether the receiver took it.
    Test {
        /// The configuration file.
        #[arg(long, short, value_name = "FILE")]
        config: PathBuf,
        /// These sinks only, by name.
        #[arg(value_name = "SINKS")]
        only: Vec<String>,
    },
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let What::Test { config, only } = &arguments.what;
    let sinks = Config::load(config)?.all_sinks();
    if let Some(unknown) = only.iter().find(|name| !sinks.iter().any(|sink| *sink.name == **name)) {
        let known: Vec<&str> = sinks.iter().map(|sink| sink.name.as_ref()).collect();
        anyhow::bail!("{}: there is no sink `{unknown}`: there are {}", config.display(), known.join(", "));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut failed = false;
    for sink in sinks.iter().filter(|sink| only.is_empty() || only.iter().any(|name| *sink.name == **name)) {
        let result = runtime.block_on(sink.test());
        failed |= result.is_err();
        let told = result.map_or_else(|error| error, |()| "a test message was taken".to_owned());
        super::answer(|out| Ok(writeln!(out, "{} ({}): {told}", sink.name, sink.kind_word)?))?;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
