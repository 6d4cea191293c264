//! System calls, by seccomp: those that camwatch makes are allowed, all others refused.
//!
//! Refused is `EPERM`: a library that tries a newer call finds its way back to an older one. To start a program, or to trace
//! another process, has no innocent cause: it ends the process. Calls for which libraries expect a certain answer get that.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};

/// Allowed, whatever is asked with them.
const ALLOWED: &[i64] = &[
    // Memory
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    // Files
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_openat,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_fstatfs,
    libc::SYS_statfs,
    libc::SYS_lseek,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_flock,
    libc::SYS_fcntl,
    libc::SYS_getdents64,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getcwd,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_pipe2,
    libc::SYS_umask,
    // Waiting
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    // Sockets; which ones, `families` says. `listen` is none of them: what is listened on was taken before.
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_setsockopt,
    libc::SYS_getsockopt,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    libc::SYS_shutdown,
    // Time
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    // Threads and signals of this process
    libc::SYS_clone3,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_get_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_tgkill,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    // Who and where we are
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_sysinfo,
    libc::SYS_uname,
];

/// The older calls of the older architecture.
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[i64] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_chmod,
    libc::SYS_dup2,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_epoll_wait,
    libc::SYS_time,
    libc::SYS_getrlimit,
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[i64] = &[];

/// These have no innocent cause in camwatch.
const DEADLY: &[i64] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_kexec_load,
    libc::SYS_bpf,
    libc::SYS_mount,
    libc::SYS_pivot_root,
    libc::SYS_unshare,
    libc::SYS_setns,
];

/// Families of sockets that are not unknown: ways out, the supervisor's socket, the kernel's list of interfaces; and captures,
/// which are refused.
const FAMILIES: [i32; 5] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK, libc::AF_PACKET];

/// The bits of `socket`'s second argument that are no flags.
const KIND: u64 = 0xf;
/// A socket of old for raw packets (linux/net.h).
const SOCK_PACKET: i32 = 10;

/// What is asked of open files and interfaces: whether it waits, how much is there, whether it is a terminal and how wide,
/// and how an interface is.
const ASKED: [u64; 10] = [
    libc::FIONBIO,
    libc::FIONREAD,
    libc::FIOCLEX,
    libc::TCGETS,
    libc::TIOCGWINSZ,
    libc::SIOCGIFFLAGS,
    libc::SIOCGIFINDEX,
    libc::SIOCGIFHWADDR,
    libc::SIOCGIFMTU,
    // SIOCETHTOOL of linux/sockios.h: without a capability it only tells.
    0x8946,
];

/// What threads say of themselves: their name.
const SAID: [i32; 2] = [libc::PR_SET_NAME, libc::PR_GET_NAME];

/// A rule for an argument.
type Rule = Result<SeccompRule, seccompiler::BackendError>;

fn is(argument: u8, value: u64) -> Rule {
    masked(argument, u64::from(u32::MAX), value)
}

/// Of the bits of a mask, these are set and the others not.
fn masked(argument: u8, mask: u64, value: u64) -> Rule {
    let operator = SeccompCmpOp::MaskedEq(mask);
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)?])
}

fn is_not(argument: u8, value: u64) -> Rule {
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, value)?])
}

fn is_none(argument: u8) -> Rule {
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?])
}

/// Allowed, if asked with one of these.
fn allowed_if() -> Vec<(i64, Vec<Rule>)> {
    let (writable, program) = (libc::PROT_WRITE as u64, libc::PROT_EXEC as u64);
    vec![
        // Memory is written to or run, never both.
        (libc::SYS_mmap, vec![masked(2, program, 0), masked(2, writable | program, program)]),
        (libc::SYS_mprotect, vec![masked(2, program, 0)]),
        // Threads, no processes.
        (libc::SYS_clone, vec![masked(0, libc::CLONE_THREAD as u64, libc::CLONE_THREAD as u64)]),
        // A refused capture has the answer that a missing privilege has. What other families get, `families` says.
        (libc::SYS_socket, vec![is_not(0, libc::AF_PACKET as u64)]),
        (libc::SYS_socketpair, vec![is(0, libc::AF_UNIX as u64)]),
        (libc::SYS_ioctl, ASKED.iter().map(|request| is(1, *request)).collect()),
        (libc::SYS_prctl, SAID.iter().map(|option| is(0, *option as u64)).collect()),
        // Limits are read, not set.
        (libc::SYS_prlimit64, vec![is_none(2)]),
    ]
}

fn compile(
    calls: &[(i64, Vec<SeccompRule>)],
    else_: SeccompAction,
    then: SeccompAction,
) -> Result<BpfProgram, seccompiler::BackendError> {
    let architecture: TargetArch = std::env::consts::ARCH.try_into()?;
    let rules: BTreeMap<i64, Vec<SeccompRule>> = calls.iter().cloned().collect();
    SeccompFilter::new(rules, else_, then, architecture)?.try_into()
}

/// The filters; the kernel takes the sternest answer of all.
fn filters() -> Result<Vec<BpfProgram>, seccompiler::BackendError> {
    let always = |calls: &[i64]| calls.iter().map(|call| (*call, Vec::new())).collect::<Vec<_>>();
    // The C library makes threads by `clone` where the kernel has no `clone3`, whose flags no filter can see.
    let unknown = compile(&always(&[libc::SYS_clone3]), SeccompAction::Allow, errno(libc::ENOSYS))?;
    let deadly = compile(&always(DEADLY), SeccompAction::Allow, SeccompAction::KillProcess)?;
    let mut allowed = [always(ALLOWED), always(ALLOWED_HERE)].concat();
    for (call, rules) in allowed_if() {
        allowed.push((call, rules.into_iter().collect::<Result<_, _>>()?));
    }
    let allowed = compile(&allowed, errno(libc::EPERM), SeccompAction::Allow)?;
    // The last one refuses to put up any more.
    Ok(vec![families()?, unknown, deadly, allowed])
}

/// Sockets of other families, and raw ones. libpcap asks for families of its own when it lists interfaces, and knows the
/// answer.
fn families() -> Result<BpfProgram, seccompiler::BackendError> {
    let word = || SeccompCmpArgLen::Dword;
    let other = |family: i32| SeccompCondition::new(0, word(), SeccompCmpOp::Ne, family as u64);
    let mut refused = vec![SeccompRule::new(FAMILIES.into_iter().map(other).collect::<Result<_, _>>()?)?];
    for family in [libc::AF_INET, libc::AF_INET6] {
        for kind in [libc::SOCK_RAW, SOCK_PACKET] {
            let family = SeccompCondition::new(0, word(), SeccompCmpOp::Eq, family as u64)?;
            let kind = SeccompCondition::new(1, word(), SeccompCmpOp::MaskedEq(KIND), kind as u64)?;
            refused.push(SeccompRule::new(vec![family, kind])?);
        }
    }
    compile(&[(libc::SYS_socket, refused)], SeccompAction::Allow, errno(libc::EAFNOSUPPORT))
}

fn errno(number: i32) -> SeccompAction {
    SeccompAction::Errno(number as u32)
}

/// Restricts the calling thread, and all that it starts from now on.
pub(super) fn restrict() -> Result<(), String> {
    let filters = filters().map_err(|error| error.to_string())?;
    filters.iter().try_for_each(|filter| apply_filter(filter)).map_err(|error| error.to_string())
}
