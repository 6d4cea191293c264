//! What libpcap does not ask of a packet socket: this module alone talks to the kernel past it.
#![expect(
    unsafe_code,
    reason = "no safe crate has the options of packet sockets; every call here passes owned memory of the stated size"
)]

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::AsRawFd;
use std::time::Duration;

// linux/if_packet.h; the crate `libc` does not have them for every target.
const PACKET_FANOUT: libc::c_int = 18;
const PACKET_FANOUT_DATA: libc::c_int = 22;
const PACKET_FANOUT_CBPF: libc::c_uint = 6;
const PACKET_FANOUT_FLAG_UNIQUEID: libc::c_uint = 0x2000;

/// An `ifreq` that names an interface.
fn request(interface: &str) -> io::Result<libc::ifreq> {
    // SAFETY: all zeros is a valid `ifreq`: integers, and a union of such.
    let mut request: libc::ifreq = unsafe { zeroed() };
    // The last octet stays 0.
    if interface.len() >= request.ifr_name.len() {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(interface.bytes()) {
        *to = from as libc::c_char;
    }
    Ok(request)
}

/// The number of the interface to which a packet socket is bound: 0 for all, -1 if it was deleted.
pub(super) fn bound_to(socket: &impl AsRawFd) -> io::Result<i32> {
    // SAFETY: all zeros is a valid `sockaddr_ll`, which holds integers alone.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    let mut length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the address and its length are ours and outlive the call, which writes no more than `length` bytes.
    let failed = unsafe { libc::getsockname(socket.as_raw_fd(), (&raw mut address).cast(), &raw mut length) };
    if failed == 0 { Ok(address.sll_ifindex) } else { Err(io::Error::last_os_error()) }
}

/// The number of the interface that has this name now; none if there is no such.
pub(super) fn number_of(socket: &impl AsRawFd, interface: &str) -> io::Result<i32> {
    let mut request = request(interface)?;
    // SAFETY: the kernel reads the name in `request`, which ends with a 0, and writes the number into it.
    let failed = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFINDEX, &raw mut request) };
    // SAFETY: the call succeeded, so it is the number that the kernel wrote; any bits are a number.
    if failed == 0 { Ok(unsafe { request.ifr_ifru.ifru_ifindex }) } else { Err(io::Error::last_os_error()) }
}

/// Whether the interface of this name is up.
pub(super) fn is_up(socket: &impl AsRawFd, interface: &str) -> io::Result<bool> {
    let mut request = request(interface)?;
    // SAFETY: as above, with its flags.
    let failed = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS, &raw mut request) };
    if failed != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so it is the flags that the kernel wrote; any bits are flags.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    Ok(i32::from(flags) & libc::IFF_UP != 0)
}

/// Makes a group of sockets that share out what comes, by a program; tells its number. This socket is its first.
pub(super) fn found_group(socket: &impl AsRawFd) -> io::Result<u16> {
    join(socket, 0, PACKET_FANOUT_FLAG_UNIQUEID)?;
    let mut option: libc::c_int = 0;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes into `option`, which is ours and so large.
    let failed = unsafe {
        let option = (&raw mut option).cast();
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_PACKET, PACKET_FANOUT, option, &raw mut length)
    };
    // The group's number is in the lower half.
    if failed == 0 { Ok(option as u16) } else { Err(io::Error::last_os_error()) }
}

/// Joins a group that another socket on the same interface has made.
pub(super) fn join_group(socket: &impl AsRawFd, group: u16) -> io::Result<()> {
    join(socket, group, 0)
}

fn join(socket: &impl AsRawFd, group: u16, flags: libc::c_uint) -> io::Result<()> {
    let option: libc::c_uint = libc::c_uint::from(group) | (PACKET_FANOUT_CBPF | flags) << 16;
    set(socket, PACKET_FANOUT, &option)
}

/// Has the group that a socket is in choose by a program: what it gives, modulo the number of sockets, is the one.
pub(super) fn set_group_program(socket: &impl AsRawFd, program: &[libc::sock_filter]) -> io::Result<()> {
    let length = u16::try_from(program.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // The kernel only reads what the pointer leads to, and copies it before the call returns.
    let option = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut() };
    set(socket, PACKET_FANOUT_DATA, &option)
}

/// Sets an option of packet sockets. `T` has to be what the option takes.
fn set<T>(socket: &impl AsRawFd, option: libc::c_int, value: &T) -> io::Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the kernel reads `length` bytes of `value`, which it outlives, as what it leads to does.
    let failed = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, option, std::ptr::from_ref(value).cast(), length)
    };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Waits until there is something to read or to be told, but no longer than this.
pub(super) fn wait(socket: &impl AsRawFd, patience: Duration) -> bool {
    let mut waits = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: it is one `pollfd`, which is ours and outlives the call.
    let ready = unsafe { libc::poll(&raw mut waits, 1, patience.as_millis() as libc::c_int) };
    ready > 0
}
