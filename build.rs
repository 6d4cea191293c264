//! Unpacks the built-in country and owner data, so that the program embeds them ready for use: no start-up cost, no heap.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for name in ["country.mmdb", "owner-country.mmdb", "as.table"] {
        let packed = format!("data/geo/{name}.zst");
        println!("cargo::rerun-if-changed={packed}");
        let data = zstd::decode_all(fs::File::open(&packed).map_err(|error| format!("{packed}: {error}"))?)?;
        fs::write(out.join(name), data)?;
    }
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}
