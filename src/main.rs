//! The `camwatch` program: hands over to [`camwatch::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    camwatch::cli::main()
}
