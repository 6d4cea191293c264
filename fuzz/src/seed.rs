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
        for _ in 0..2000 {
            let Ok(Some(frame)) = file.next_frame() else { break };
            self.write("decode", &[&frame.link.0.to_le_bytes()[..], frame.data].concat())?;
            let decoded = decoder.decode(&frame);
            if let Some((parser, message)) = fact_of(&decoded) {
                self.write("facts", &[&[parser][..], message].concat())?;
            }
            let Decoded::Packet(packet) = decoded else { continue };
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

/// A message about a device, and the place of its parser in the fuzz target.
fn fact_of<'a>(decoded: &Decoded<'a>) -> Option<(u8, &'a [u8])> {
    let packet = match decoded {
        Decoded::NotIp { ethertype: 0x88cc, payload } => return Some((5, payload)),
        Decoded::NotIp { ethertype: 0x2000, payload } => return Some((4, payload)),
        Decoded::Packet(packet) => packet,
        _ => return None,
    };
    match &packet.payload {
        Transport::Udp(udp) => {
            let parser = [udp.destination_port, udp.source_port].into_iter().find_map(|port| match port {
                67 | 68 => Some(0),
                37_810 => Some(1),
                5353 => Some(6),
                5355 => Some(7),
                53 => Some(8),
                37_020 => Some(11),
                1900 => Some(12),
                6666 | 6667 => Some(14),
                3702 => Some(15),
                34_569 => Some(16),
                _ => None,
            })?;
            Some((parser, udp.payload))
        }
        Transport::Tcp(tcp) => {
            let text = tcp.payload;
            let parser = match text {
                _ if text.starts_with(b"HTTP/") => 3,
                _ if text.starts_with(b"RTSP/") => 9,
                [0x16, 3, ..] => 13,
                [0xff, ..] => 16,
                _ if text.windows(6).take(200).any(|part| part == b" RTSP/") => 10,
                _ if !text.is_empty() && http::may_begin(text) => 2,
                _ => return None,
            };
            Some((parser, text))
        }
        _ => None,
    }
}

/// One record of each log, in both forms (docs/zeek.md).
const ZEEK: [&str; 3] = [
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#fields\tts\tuid\tid.orig_h\t\
     id.orig_p\tid.resp_h\tid.resp_p\tproto\tduration\tconn_state\thistory\torig_pkts\torig_ip_bytes\n#types\ttime\tstring\t\
     addr\tport\taddr\tport\tenum\tinterval\tstring\tstring\tcount\tcount\n1427878800.5\tC1\t10.20.0.1\t50000\t120.26.96.67\t\
     443\ttcp\t3.1\tS0\tS\t3\t180\n",
    r#"{"ts":1427878800.5,"uid":"C1","id.orig_h":"10.20.0.1","id.orig_p":50000,"id.resp_h":"120.26.96.67","id.resp_p":53,"proto":"udp","conn_state":"SF","history":"Dd"}"#,
    r#"{"_path":"dns","ts":"2015-04-01T09:00:00Z","uid":"C2","id.orig_h":"fd00::1","id.orig_p":5000,"id.resp_h":"fd00::2","id.resp_p":53,"query":"a.example","answers":["b.example","1.2.3.4"],"TTLs":[60.0,60.0]}"#,
];

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = arguments.next().unwrap_or_else(|| PathBuf::from("corpus"));
    let mut seeds = Seeds { folder, written: BTreeMap::new() };
    for log in ZEEK {
        seeds.write("zeek", log.as_bytes())?;
    }
    for path in arguments {
        seeds.file(&path)?;
    }
    for (target, written) in &seeds.written {
        println!("{target}: {written} seeds");
    }
    Ok(())
}
