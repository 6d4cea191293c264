//! Files, by Landlock: what is not in the plan is out of reach, whatever its mode says.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, NetPort, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    Scope, path_beneath_rules,
};
use tracing::{debug, info};

/// The version of which every right is known here. Older kernels give less of it, newer ones no more.
const KNOWN: ABI = ABI::V7;

/// What every program reads that looks up names and believes certificates. Names are looked up by the C library, which loads
/// a part of itself when it first does.
const SYSTEM: [&str; 22] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/localtime",
    "/etc/ld.so.cache",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/share/zoneinfo",
    "/usr/lib",
    "/usr/lib64",
    "/lib",
    "/lib64",
    "/proc/self",
    "/sys/devices/system/cpu",
    "/dev/null",
    "/dev/urandom",
];

/// Of these, what goes wrong if it is replaced and the old one is read on: names are looked up at the wrong place.
const LOOKED_UP: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

/// Where the authorities that the system believes are, for those who moved them.
const CERTIFICATES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// What Landlock leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confined {
    read: Vec<PathBuf>,
    write: Vec<PathBuf>,
    /// Single files of which the folder is out of reach. Landlock holds the file, not its name: one that is laid in its
    /// place is another one.
    single: Vec<(PathBuf, Option<Identity>)>,
}

type Identity = (u64, u64);

impl Confined {
    /// Whether a file can be read.
    pub fn reads(&self, path: &Path) -> bool {
        let path = resolved(path);
        self.read.iter().chain(&self.write).any(|within| path.starts_with(within))
    }

    /// Whether a file can be written.
    pub fn writes(&self, path: &Path) -> bool {
        let path = resolved(path);
        self.write.iter().any(|within| path.starts_with(within))
    }

    /// The files that were replaced since, and so are out of reach; each is given once.
    pub(super) fn take_replaced(&mut self) -> Vec<PathBuf> {
        self.single.extract_if(.., |(path, before)| identity(path) != *before).map(|(path, _)| path).collect()
    }
}

fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// The file itself, where links are followed; of one that is not there, its place.
fn resolved(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    whole.canonicalize().unwrap_or_else(|_| match (whole.parent().map(Path::canonicalize), whole.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => whole,
    })
}

/// A folder of everybody's, or of all that somebody has: `/`, `/etc`, `/tmp`, `/var/lib`, `/home/anna` and the like.
fn is_everybodys(folder: &Path) -> bool {
    let depth = folder.components().filter(|part| matches!(part, Component::Normal(_))).count();
    let shared = [
        "/var/lib",
        "/var/log",
        "/var/tmp",
        "/usr/lib",
        "/usr/share",
        "/usr/local",
        "/dev/shm",
        "/var/spool",
        "/var/cache",
    ];
    let home = ["/home", "/run/user"].iter().any(|homes| folder.parent() == Some(Path::new(homes)));
    depth < 2 || home || shared.iter().any(|path| Path::new(path) == folder)
}

/// What has to be within reach for a file to be read even when another is laid in its place: its folder, unless that is
/// everybody's.
fn place(path: &Path) -> PathBuf {
    let path = resolved(path);
    match path.parent() {
        Some(folder) if !path.is_dir() && !is_everybodys(folder) => folder.to_owned(),
        _ => path,
    }
}

/// Confines the calling thread, and all that it starts from now on, to what is named here and what every program reads.
pub(super) fn confine(read: &[PathBuf], write: &[PathBuf]) -> Result<Confined, String> {
    let certificates = CERTIFICATES.iter().filter_map(std::env::var_os).map(OsString::into).collect();
    let system: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).chain::<Vec<PathBuf>>(certificates).collect();
    let mut confined = Confined {
        read: read.iter().chain(&system).map(|path| place(path)).collect(),
        write: write.iter().map(|path| place(path)).collect(),
        single: Vec::new(),
    };
    for paths in [&mut confined.read, &mut confined.write] {
        paths.sort();
        paths.dedup();
    }
    // Those under their own names: what they are links to may change.
    let looked_up = LOOKED_UP.map(PathBuf::from);
    let named = read.iter().chain(&looked_up).chain(write).filter(|path| path.is_file() && place(path).is_file());
    confined.single = named.map(|path| (path.clone(), identity(path))).collect();
    debug!(read = ?confined.read, write = ?confined.write, "files within reach");
    match restrict(&confined) {
        Ok(RulesetStatus::FullyEnforced) => Ok(confined),
        Ok(RulesetStatus::PartiallyEnforced) => {
            info!("this kernel's Landlock is an older one: files are confined, but not all that is done with them");
            Ok(confined)
        }
        Ok(RulesetStatus::NotEnforced) => Err("this kernel has no Landlock, or it is switched off (lsm=)".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn restrict(confined: &Confined) -> Result<RulesetStatus, landlock::RulesetError> {
    let read: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
    // Files come, go, are renamed and cut to size; no folder, device, pipe or link is made.
    let write = read | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::MakeReg | AccessFs::RemoveFile;
    let mut scope = BitFlags::from_flag(Scope::Signal);
    if !notify_is_abstract() {
        scope |= Scope::AbstractUnixSocket;
    }
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        // Ports to listen on are taken by now. A way out may be bound to a port that the kernel chooses.
        .handle_access(AccessNet::BindTcp)?
        .scope(scope)?
        .create()?
        .add_rules(path_beneath_rules(&confined.read, read))?
        .add_rules(path_beneath_rules(&confined.write, write))?
        .add_rule(NetPort::new(0, AccessNet::BindTcp))?;
    Ok(ruleset.restrict_self()?.ruleset)
}

/// Whether whoever supervises this process listens at a name that is no file.
fn notify_is_abstract() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some_and(|socket| socket.as_encoded_bytes().starts_with(b"@"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_reached_by_its_folder_unless_that_is_everybodys() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        std::fs::write(folder.join("a"), "").unwrap();
        std::os::unix::fs::symlink(folder.join("a"), folder.join("link")).unwrap();
        assert_eq!(place(&folder.join("a")), folder);
        assert_eq!(place(&folder.join("not-yet")), folder);
        assert_eq!(place(&folder), folder);
        assert_eq!(place(&folder.join("link")), folder);
        assert_eq!(place(Path::new("/etc/passwd")), Path::new("/etc/passwd"));
        assert_eq!(place(Path::new("/home/anna/c.toml")), Path::new("/home/anna/c.toml"));
        assert_eq!(place(Path::new("/home/anna/camwatch/c.toml")), Path::new("/home/anna/camwatch"));
        assert_eq!(place(Path::new("/var/lib/x.mmdb")), Path::new("/var/lib/x.mmdb"));
        assert_eq!(place(Path::new("/etc/camwatch/none.toml")), Path::new("/etc/camwatch/none.toml").parent().unwrap());
    }

    #[test]
    fn what_is_within_reach_is_known_by_where_links_lead() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, outside) = (folder.path().join("in"), folder.path().join("out"));
        for path in [&inside, &outside] {
            std::fs::create_dir(path).unwrap();
            std::fs::write(path.join("file"), "").unwrap();
        }
        std::os::unix::fs::symlink(outside.join("file"), inside.join("link")).unwrap();
        let confined = Confined { read: vec![resolved(&inside)], write: Vec::new(), single: Vec::new() };
        assert!(confined.reads(&inside.join("file")) && confined.reads(&inside.join("none")));
        assert!(!confined.reads(&inside.join("link")) && !confined.reads(&outside.join("file")));
        assert!(!confined.reads(&inside.join("../out/file")) && !confined.writes(&inside.join("file")));
    }

    #[test]
    fn a_single_file_that_is_replaced_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts");
        std::fs::write(&path, "a").unwrap();
        let single = vec![(path.clone(), identity(&path))];
        let mut confined = Confined { read: Vec::new(), write: Vec::new(), single };
        std::fs::write(&path, "b").unwrap();
        assert!(confined.take_replaced().is_empty(), "written anew, it is the same file");
        std::fs::write(folder.path().join("new"), "c").unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        assert_eq!(confined.take_replaced(), [path]);
        assert!(confined.take_replaced().is_empty());
    }
}
