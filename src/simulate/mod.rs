//! Made-up captures, the same bytes for the same seed, with the truth about them beside.
//!
//! A [`Scene`] holds actors (a camera that calls, a recorder that is sent video, a person at a desk). Each is woken in
//! turn, in the order of time, and sends frames; the [`Truth`] is counted where an attempt is made, not read back.

mod actors;
mod frames;
mod mixed;
mod random;
mod scenario;
mod scene;
mod speech;
mod writer;

pub use actors::MAX_SOURCES;
pub use random::Random;
pub use scenario::{FAR_AWAY, MAX_CAMERAS, Options, Scenario};
pub use scene::{Scene, Truth};
pub use writer::{WriteError, Writer};

use std::path::Path;

/// Writes a scenario's capture to `output` and its truth beside it; gives the truth.
pub fn simulate(scenario: Scenario, options: &Options, output: &Path) -> Result<Truth, WriteError> {
    let mut writer = Writer::create(output, options.snaplen)?;
    let mut scene = scenario.scene(options);
    scene.play(&mut |time, frame| writer.frame(time, frame))?;
    writer.finish()?;
    let truth = scene.into_truth(scenario.name(), options.seed);
    if output.as_os_str() != "-" {
        let path = writer::truth_path(output);
        let text = serde_json::to_string_pretty(&truth).unwrap_or_default();
        std::fs::write(&path, text + "\n").map_err(|error| WriteError::new(&path, &error))?;
    }
    Ok(truth)
}
