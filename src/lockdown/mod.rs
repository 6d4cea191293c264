//! The process gives up what it needs no more: after that, whoever takes it over by a packet can neither start a program nor
//! read or write a file that is not camwatch's.
//!
//! A [`Plan`] says which files stay within reach; [`Plan::lock_process`] puts up four guards, the weakest first:
//!
//! | guard | file | takes away |
//! |---|---|---|
//! | capabilities | `capabilities` | every right of root's: no new capture, no file against its mode |
//! | no-new-privileges | here | what set-user-id programs would give back |
//! | Landlock | `files` | every file that is not in the plan, and ports to listen on |
//! | seccomp | `syscalls` | every system call that camwatch does not make: programs, processes, tracing, raw sockets |
//!
//! The guards hold for the thread that puts them up and for all that it starts, so they come before the first thread, and
//! after everything that needs rights: interfaces, ports, the control socket. docs/lockdown.md tells it to people.

mod capabilities;
mod files;
mod syscalls;

use std::fmt;
use std::path::PathBuf;

use tracing::{info, warn};

pub use files::Confined;

/// `[lockdown] mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// As much as the kernel can; what it cannot is told as a warning.
    #[default]
    Auto,
    /// All of it, or no start.
    Required,
    /// None of it.
    Off,
}

impl Mode {
    /// The words for it.
    pub const WORDS: [(&'static str, Self); 3] =
        [("auto", Self::Auto), ("required", Self::Required), ("off", Self::Off)];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Required => "required",
            Self::Off => "off",
        }
    }
}

/// What is still to be reached afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// How much of it must be.
    pub mode: Mode,
    /// Files and folders that are read.
    pub read: Vec<PathBuf>,
    /// Files and folders in which is written.
    pub write: Vec<PathBuf>,
}

/// One of the four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// No capability is left.
    Capabilities,
    /// No program gives more rights than this process has.
    NoNewPrivs,
    /// Files outside the plan are out of reach.
    Landlock,
    /// System calls that camwatch does not make are refused.
    Seccomp,
}

impl Guard {
    /// All, in the order in which they are put up.
    pub const ALL: [Self; 4] = [Self::Capabilities, Self::NoNewPrivs, Self::Landlock, Self::Seccomp];

    /// Its name in metrics and logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Capabilities => "capabilities",
            Self::NoNewPrivs => "no_new_privs",
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
        }
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The process cannot be locked down.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockdownError {
    /// The kernel refuses.
    #[error(
        "[lockdown] mode = \"required\", but {guard} cannot be put up: {why}: use a kernel that can, or mode = \"auto\", \
         which runs without it and says so"
    )]
    Refused {
        /// Which one.
        guard: Guard,
        /// Why.
        why: String,
    },
    /// It comes too late.
    #[error("{0} threads run before the lock-down, which would not hold for them: this is a fault of camwatch")]
    Threads(usize),
}

/// The guards that stand, and what can still be reached.
#[derive(Debug, Clone, Default)]
pub struct Lockdown {
    /// What stands.
    standing: [bool; Guard::ALL.len()],
    /// What Landlock leaves; none where it does not stand.
    confined: Option<Confined>,
}

impl Lockdown {
    /// Each guard, and whether it stands.
    pub fn guards(&self) -> impl Iterator<Item = (Guard, bool)> {
        Guard::ALL.into_iter().zip(self.standing)
    }

    /// What Landlock leaves; none where it does not stand.
    pub fn confined(&self) -> Option<&Confined> {
        self.confined.as_ref()
    }

    /// Files that were replaced by others since the last time, and so are out of reach.
    pub fn take_replaced(&mut self) -> Vec<PathBuf> {
        self.confined.as_mut().map(Confined::take_replaced).unwrap_or_default()
    }

    fn note(&mut self, mode: Mode, guard: Guard, done: Result<(), String>) -> Result<(), LockdownError> {
        match done {
            Ok(()) => {
                if let Some(place) = Guard::ALL.iter().position(|other| *other == guard) {
                    self.standing[place] = true;
                }
                Ok(())
            }
            Err(why) if mode == Mode::Required => Err(LockdownError::Refused { guard, why }),
            Err(why) => {
                warn!("not locked down by {guard}: {why}");
                Ok(())
            }
        }
    }
}

impl Plan {
    /// Locks the process, of which the calling thread must be the only one. There is no way back.
    pub fn lock_process(&self) -> Result<Lockdown, LockdownError> {
        let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
        if threads > 1 && self.mode != Mode::Off {
            return Err(LockdownError::Threads(threads));
        }
        self.lock_thread()
    }

    /// Locks the calling thread, and all that it starts from now on. There is no way back.
    pub fn lock_thread(&self) -> Result<Lockdown, LockdownError> {
        let mut lockdown = Lockdown::default();
        if self.mode == Mode::Off {
            warn!("[lockdown] mode = \"off\": camwatch keeps every right that it was started with");
            return Ok(lockdown);
        }
        let bounded = capabilities::drop_all();
        let privileges = rustix::thread::set_no_new_privs(true).map_err(|error| error.to_string());
        lockdown.note(self.mode, Guard::NoNewPrivs, privileges.clone())?;
        // What only bounds what programs may get is nothing where no program gets any.
        let dropped = bounded.and_then(|bounded| match bounded {
            capabilities::Bounds::Empty => Ok(()),
            capabilities::Bounds::Left if privileges.is_ok() => Ok(()),
            capabilities::Bounds::Left => Err("the bounding set is not empty".to_owned()),
        });
        lockdown.note(self.mode, Guard::Capabilities, dropped)?;
        let confined = files::confine(&self.read, &self.write).map(|confined| lockdown.confined = Some(confined));
        lockdown.note(self.mode, Guard::Landlock, confined)?;
        lockdown.note(self.mode, Guard::Seccomp, syscalls::restrict())?;
        let standing: Vec<&str> = lockdown.guards().filter(|(_, on)| *on).map(|(guard, _)| guard.word()).collect();
        info!(guards = standing.join(", "), "locked down");
        Ok(lockdown)
    }
}
