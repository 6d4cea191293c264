//! Seeds for the fuzzers from capture files: `seed CORPUS FILES…` writes each file, its frames and their payloads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use camwatch::decode::{Decoded, Decoder, Transport};
use camwatch::names::{http, quic, tls};
use camwatch::source::CaptureFile;

/// Seeds of one target: more of the same kind teach a fuzzer nothing.
const MAX_SEEDS: usize = 3000;
const MAX_FILE: u64 = 64 * 1024;

struct Seeds {
    folder: PathBuf,
    written: BTreeMap<&'static str, usize>,
}

impl Seeds {
    fn write(&mut self, target: &'static str, seed: &[u8]) -> std::io::Result<()> {
        let written = self.written.entry(target).or_default();
        if *written < MAX_SEEDS {
            let folder = self.folder.join(target);
            std::fs::create_dir_all(&folder)?;
            std::fs::write(folder.join(format!("seed-{written}")), seed)?;
            *written += 1;
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> std::io::Result<()> {
        if path.metadata()?.len() <= MAX_FILE {
            self.write("capture", &std::fs::read(path)?)?;
        }
        let Ok(mut file) = CaptureFile::open(path) else { return Ok(()) };
        let mut decoder = Decoder::default();
        for _ in 0..300 {
            let Ok(Some(frame)) = file.next_frame() else { break };
            self.write("decode", &[&frame.link.0.to_le_bytes()[..], frame.data].concat())?;
            let Decoded::Packet(packet) = decoder.decode(&frame) else { continue };
            match &packet.payload {
                Transport::Tcp(tcp) if tls::may_begin(tcp.payload) && !tcp.payload.is_empty() => {
                    self.write("tls", tcp.payload)?;
                }
                Transport::Tcp(tcp) if http::may_begin(tcp.payload) && !tcp.payload.is_empty() => {
                    self.write("http", tcp.payload)?;
                }
                Transport::Udp(udp) if udp.source_port == 53 || udp.destination_port == 53 => {
                    self.write("dns", udp.payload)?;
                }
                Transport::Udp(udp) if quic::may_begin(udp.payload) => {
                    self.write("quic", &[&(udp.payload.len() as u16).to_le_bytes()[..], udp.payload].concat())?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = arguments.next().unwrap_or_else(|| PathBuf::from("corpus"));
    let mut seeds = Seeds { folder, written: BTreeMap::new() };
    for path in arguments {
        seeds.file(&path)?;
    }
    for (target, written) in &seeds.written {
        println!("{target}: {written} seeds");
    }
    Ok(())
}
