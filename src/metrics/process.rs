//! The process itself, under the names that every program gives these figures.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Room, counter, gauge};
use crate::lockdown::Lockdown;

/// The process, read through files that are opened once: a locked process opens none in `/proc`.
#[derive(Debug)]
pub struct Process {
    /// `/proc/self/stat`.
    stat: File,
    /// `/proc/self/fd`.
    descriptors: File,
    page_bytes: f64,
    ticks_per_s: f64,
    booted_s: f64,
    max_descriptors: Option<u64>,
}

/// The process at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ProcessFigures {
    cpu_s: f64,
    resident_bytes: f64,
    virtual_bytes: f64,
    threads: f64,
    started_s: f64,
    open_descriptors: Option<u64>,
    max_descriptors: Option<u64>,
}

impl Process {
    /// Opens what is read later; to be called before the process is locked.
    pub fn open() -> io::Result<Self> {
        // `/proc/stat` has it too, but not where only processes are shown in `/proc` (systemd's ProcSubset=pid).
        let since_boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            stat: File::open("/proc/self/stat")?,
            descriptors: File::open("/proc/self/fd")?,
            page_bytes: rustix::param::page_size() as f64,
            ticks_per_s: rustix::param::clock_ticks_per_second() as f64,
            booted_s: now.as_secs_f64() - (since_boot.tv_sec as f64 + since_boot.tv_nsec as f64 / 1e9),
            max_descriptors: rustix::process::getrlimit(rustix::process::Resource::Nofile).current,
        })
    }

    /// How it is now.
    pub fn figures(&self) -> Option<ProcessFigures> {
        let mut bytes = [0; 1024];
        let read = self.stat.read_at(&mut bytes, 0).ok()?;
        let text = String::from_utf8_lossy(bytes.get(..read)?);
        // The second field is the program's name in brackets, which may hold anything (proc_pid_stat(5)).
        let fields: Vec<f64> = text.rsplit_once(')')?.1.split_whitespace().map(|f| f.parse().unwrap_or(0.0)).collect();
        let field = |number: usize| fields.get(number - 3).copied();
        // How many there are is the size of the folder from Linux 6.2 on, and 0 before.
        let open = self.descriptors.metadata().ok().map(|folder| folder.len()).filter(|open| *open > 0);
        Some(ProcessFigures {
            cpu_s: (field(14)? + field(15)?) / self.ticks_per_s,
            threads: field(20)?,
            started_s: self.booted_s + field(22)? / self.ticks_per_s,
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * self.page_bytes,
            open_descriptors: open,
            max_descriptors: self.max_descriptors,
        })
    }
}

pub(super) const ROOM: Room = Room {
    title: "The process",
    about: "Under the names that every program gives these figures.",
    families: &[
        gauge("camwatch_build_info", "1", &["version"], "1, with the version as a label.", |_, v| {
            v(&[env!("CARGO_PKG_VERSION")], 1.0);
        }),
        gauge(
            "camwatch_lockdown_guard",
            "1",
            &["guard"],
            "1 if this guard of the lock-down stands, else 0.",
            |s, v| {
                for (guard, stands) in s.lockdown.iter().flat_map(Lockdown::guards) {
                    v(&[guard.word()], f64::from(u8::from(stands)));
                }
            },
        )
        .note("docs/lockdown.md says what each takes away"),
        counter("process_cpu_seconds_total", "seconds", &[], "Processor time of all threads.", |s, v| {
            s.process.iter().for_each(|process| v(&[], process.cpu_s));
        }),
        gauge("process_resident_memory_bytes", "bytes", &[], "Memory in use.", |s, v| {
            s.process.iter().for_each(|process| v(&[], process.resident_bytes));
        })
        .note("the kernel's rings for packets are not in it"),
        gauge("process_virtual_memory_bytes", "bytes", &[], "Memory that is mapped.", |s, v| {
            s.process.iter().for_each(|process| v(&[], process.virtual_bytes));
        }),
        gauge("process_threads", "threads", &[], "Threads.", |s, v| {
            s.process.iter().for_each(|process| v(&[], process.threads));
        }),
        gauge("process_open_fds", "files", &[], "Open files and sockets.", |s, v| {
            s.process.iter().filter_map(|process| process.open_descriptors).for_each(|open| v(&[], open as f64));
        })
        .note("from Linux 6.2 on"),
        gauge("process_max_fds", "files", &[], "How many may be open.", |s, v| {
            s.process.iter().filter_map(|process| process.max_descriptors).for_each(|most| v(&[], most as f64));
        }),
        gauge("process_start_time_seconds", "seconds", &[], "When it was started, since 1970.", |s, v| {
            s.process.iter().for_each(|process| v(&[], process.started_s));
        }),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_told() {
        let process = Process::open().unwrap();
        let held: Vec<u8> = vec![1; 64 << 20];
        let figures = process.figures().unwrap();
        assert!(figures.resident_bytes > held.len() as f64 && figures.virtual_bytes > figures.resident_bytes);
        assert!(figures.threads >= 1.0 && figures.cpu_s > 0.0, "{figures:?}");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        assert!((now - 86_400.0..=now + 2.0).contains(&figures.started_s), "{figures:?} at {now}");
    }
}
