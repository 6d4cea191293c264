//! The interface's own counters, in files that stay open: after locking down none can be opened any more.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What came in, and what the interface or its driver lost: a ring of the card that was full, or a FIFO.
///
/// `rx_dropped` is not among them: it counts too what the kernel has no use for, such as unknown protocols, which a capture
/// sees all the same.
pub(super) struct Counters {
    packets: Counter,
    lost: [Counter; 2],
}

impl Counters {
    /// Counts from now on. Where the kernel does not tell, as of `any`, nothing is counted.
    pub(super) fn open(interface: &str) -> Self {
        let folder = Path::new("/sys/class/net").join(interface).join("statistics");
        let open = |name: &str| Counter::open(&folder.join(name));
        Self { packets: open("rx_packets"), lost: [open("rx_missed_errors"), open("rx_fifo_errors")] }
    }

    /// How many packets came in, and how many were lost.
    pub(super) fn read(&mut self) -> (u64, u64) {
        (self.packets.read(), self.lost.iter_mut().map(Counter::read).sum())
    }
}

struct Counter {
    file: Option<File>,
    before: u64,
    sum: u64,
}

impl Counter {
    fn open(path: &Path) -> Self {
        let mut counter = Self { file: File::open(path).ok(), before: 0, sum: 0 };
        counter.read();
        counter.sum = 0;
        counter
    }

    fn read(&mut self) -> u64 {
        let mut text = [0; 24];
        let length = self.file.as_ref().and_then(|file| file.read_at(&mut text, 0).ok()).unwrap_or(0);
        let text = text.get(..length).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
        if let Ok(now) = text.trim().parse::<u64>() {
            // A driver that was started anew may begin at 0 again.
            self.sum += now.checked_sub(self.before).unwrap_or(now);
            self.before = now;
        }
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_from_when_it_was_opened_and_on_through_a_restart() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let write = |text: &str| std::fs::write(file.path(), text).unwrap();
        write("100\n");
        let mut counter = Counter::open(file.path());
        assert_eq!(counter.read(), 0);
        write("150\n");
        assert_eq!(counter.read(), 50);
        write("7\n");
        assert_eq!(counter.read(), 57);
        write("rubbish");
        assert_eq!(counter.read(), 57);
        assert_eq!(Counter::open(Path::new("/nowhere")).read(), 0);
    }
}
