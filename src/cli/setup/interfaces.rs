//! The interfaces of this machine, as the kernel tells of them.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;

/// Where the kernel shows them.
const FOLDER: &str = "/sys/class/net";
/// IPv4 ways, one a line, with the interface first (`proc_net(5)`).
const WAYS: &str = "/proc/net/route";

/// An interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) name: String,
    /// `up`, `down`, `unknown` and the like.
    state: String,
    /// In Mbit/s, where there is a link.
    speed: Option<u64>,
    mac: String,
    /// Frames that were received.
    received: u64,
    /// The machine's own traffic goes this way.
    own: bool,
}

impl Interface {
    /// All but loopback, by name.
    pub(super) fn all() -> anyhow::Result<Vec<Self>> {
        let ways = std::fs::read_to_string(WAYS).unwrap_or_default();
        let mut all = Vec::new();
        for entry in std::fs::read_dir(FOLDER).with_context(|| format!("{FOLDER} cannot be read"))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != "lo" && entry.path().is_dir() {
                all.push(Self::of(name, &entry.path(), &ways));
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    fn of(name: String, folder: &Path, ways: &str) -> Self {
        let text = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap_or_default().trim().to_owned();
        let own = ways.lines().skip(1).any(|line| line.split_whitespace().next() == Some(&name));
        // -1 where there is no link.
        let speed = text("speed").parse().ok();
        let received = text("statistics/rx_packets").parse().unwrap_or(0);
        Self { name, state: text("operstate"), speed, mac: text("address"), received, own }
    }

    /// A mirror port receives, and carries nothing of this machine's own.
    pub(super) fn is_likely(&self) -> bool {
        !self.own && self.state != "down" && self.received > 0
    }

    /// What should be seen to, if it is the mirror port.
    pub(super) fn hints(&self) -> Vec<String> {
        let mut hints = Vec::new();
        let name = &self.name;
        if self.state == "down" {
            hints.push(format!(
                "{name} is down: `ip link set {name} up`, and see docs/install.md to have it so after a boot; camwatch waits \
                 for nothing and will not start."
            ));
        }
        if self.own {
            hints.push(format!("{name} carries this machine's own traffic: a mirror port usually has no address."));
        }
        hints
    }
}

/// For people.
pub(super) fn table(interfaces: &[Interface]) -> String {
    let mut table = String::from("  interface        state    speed       received  address            \n");
    for Interface { name, state, speed, mac, received, own } in interfaces {
        let speed = speed.map_or_else(|| "-".to_owned(), |speed| format!("{speed} Mbit/s"));
        let own = if *own { "carries this machine's own traffic" } else { "" };
        let row = format!("  {name:<16} {state:<8} {speed:<11} {received:>8}  {mac:<18} {own}");
        // To a string, which takes all.
        let _ = writeln!(table, "{}", row.trim_end());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_is_read_with_what_speaks_against_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("statistics")).unwrap();
        for (file, text) in
            [("operstate", "down\n"), ("speed", "-1\n"), ("address", "00:01\n"), ("statistics/rx_packets", "7\n")]
        {
            std::fs::write(folder.path().join(file), text).unwrap();
        }
        let ways = "Iface\tDestination\neth0\t00000000\n";
        let down = Interface::of("eth1".to_owned(), folder.path(), ways);
        assert_eq!((down.speed, down.received, down.own, down.is_likely()), (None, 7, false, false));
        assert!(down.hints()[0].contains("eth1 is down"));
        std::fs::write(folder.path().join("operstate"), "up\n").unwrap();
        assert!(Interface::of("eth1".to_owned(), folder.path(), ways).is_likely());
        let own = Interface::of("eth0".to_owned(), folder.path(), ways);
        assert!(!own.is_likely() && own.hints()[0].contains("own traffic"));
        assert!(table(&[down, own]).contains("eth1             down     -                  7  00:01\n"));
    }
}
