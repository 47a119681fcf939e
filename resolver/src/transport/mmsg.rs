//! Datagrams in batches: `recvmmsg` and `sendmmsg` with packet info for each message. The one
//! audited file with `unsafe` in it.
//!
//! No crate has a safe `sendmmsg` in which each message names the address that it leaves from:
//! nix shares one control message over a batch, rustix knows no packet info. So the two calls
//! are made here, and nothing else. What keeps them sound is short: every pointer in a header is
//! taken, with its true length, from a buffer that this file owns, right before the call and within the
//! borrow that lasts over it; and what the kernel wrote is read back as plain octets, lengths
//! checked, never through those pointers. All buffers are made once for a thread.

#![allow(unsafe_code, reason = "the system calls, and their headers before they are filled in")]

use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::libc;

use super::QUERY_OCTETS_MAX;
use super::socket::Arrival;
use crate::limits::UDP_REPLY_MAX;

/// Most datagrams in one batch.
pub(super) const BATCH: usize = 32;
/// Octets of a socket address: the larger of the two families'.
const NAME: usize = size_of::<libc::sockaddr_in6>();
/// Octets of a control message's head, aligned as the kernel aligns it.
const HEAD: usize = align(size_of::<libc::cmsghdr>());
/// Octets of packet info of either family with its head.
const CONTROL: usize = HEAD + align(size_of::<libc::in6_pktinfo>());
/// Octets from one receive buffer to the next: one cache line more than a query, so that the
/// first lines of all buffers do not fight for the same places in the cache.
const STRIDE: usize = QUERY_OCTETS_MAX + 64;

/// Rounds up as the kernel does for control messages (`CMSG_ALIGN`).
const fn align(octets: usize) -> usize {
    octets.next_multiple_of(size_of::<usize>())
}

/// The kernel's form of a socket address, as octets.
#[derive(Debug, Clone, Copy)]
#[repr(align(8))]
struct Name([u8; NAME]);

/// Room for one control message.
#[derive(Debug, Clone, Copy)]
#[repr(align(8))]
struct Control([u8; CONTROL]);

/// What one message points to beside its octets.
struct Envelope {
    name: Name,
    name_octets: usize,
    control: Control,
    control_octets: usize,
}

/// Headers and vectors of one batch. The pointers in them mean nothing outside a call.
struct Headers {
    headers: [libc::mmsghdr; BATCH],
    slices: [libc::iovec; BATCH],
}

/// A thread's buffers for what comes in.
pub(super) struct Inbox {
    buffers: Box<[[u8; STRIDE]; BATCH]>,
    envelopes: Box<[Envelope; BATCH]>,
    headers: Box<Headers>,
}

/// A thread's buffers for what goes out.
pub(super) struct Outbox {
    replies: Box<[Vec<u8>; BATCH]>,
    envelopes: Box<[Envelope; BATCH]>,
    headers: Box<Headers>,
    filled: usize,
}

/// A datagram as it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Datagram<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) source: SocketAddr,
    pub(super) arrival: Option<Arrival>,
}

impl Envelope {
    const EMPTY: Self =
        Self { name: Name([0; NAME]), name_octets: 0, control: Control([0; CONTROL]), control_octets: 0 };
}

impl Headers {
    fn new() -> Box<Self> {
        // SAFETY: mmsghdr and iovec are plain C structs of integers and pointers, for which all
        // zeroes is a valid value (null pointers of length 0). Written out, they would need the
        // private padding that some C libraries have in msghdr.
        unsafe { Box::new(MaybeUninit::zeroed().assume_init()) }
    }
}

/// Points a header to these buffers.
fn point(header: &mut libc::mmsghdr, slice: &mut libc::iovec, bytes: &mut [u8], envelope: &mut Envelope) {
    slice.iov_base = bytes.as_mut_ptr().cast();
    slice.iov_len = bytes.len();
    let header = &mut header.msg_hdr;
    header.msg_iov = slice;
    header.msg_iovlen = 1;
    header.msg_name = envelope.name.0.as_mut_ptr().cast();
    header.msg_namelen = envelope.name_octets.min(NAME) as libc::socklen_t;
    header.msg_control = envelope.control.0.as_mut_ptr().cast();
    // The type differs between C libraries.
    header.msg_controllen = envelope.control_octets.min(CONTROL) as _;
    header.msg_flags = 0;
}

impl Inbox {
    /// Makes the buffers.
    pub(super) fn new() -> Self {
        Self {
            buffers: Box::new([[0; STRIDE]; BATCH]),
            envelopes: Box::new([const { Envelope::EMPTY }; BATCH]),
            headers: Headers::new(),
        }
    }

    /// Takes what is there, at most [`BATCH`] datagrams, without waiting; returns how many.
    ///
    /// # Errors
    /// What the operating system says; `WouldBlock` when nothing is there.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        let Headers { headers, slices } = &mut *self.headers;
        let rooms = self.buffers.iter_mut().zip(self.envelopes.iter_mut());
        for ((header, slice), (buffer, envelope)) in headers.iter_mut().zip(slices.iter_mut()).zip(rooms) {
            (envelope.name_octets, envelope.control_octets) = (NAME, CONTROL);
            point(header, slice, buffer.get_mut(..QUERY_OCTETS_MAX).unwrap_or(&mut []), envelope);
        }
        // SAFETY: all BATCH headers were just pointed to buffers that are borrowed for this whole
        // function and of the lengths given, and to distinct elements of `slices` in the same box,
        // which does not move. The timeout may be null. The kernel writes no more than those lengths.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        usize::try_from(received).map_err(|_| io::Error::last_os_error()).map(|count| count.min(BATCH))
    }

    /// One datagram of the last batch. `None` for what cannot be a query: longer than any, or from
    /// nowhere, or not of that batch.
    pub(super) fn datagram(&self, at: usize) -> Option<Datagram<'_>> {
        let (header, envelope) = (self.headers.headers.get(at)?, self.envelopes.get(at)?);
        if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
            return None;
        }
        let octets = usize::try_from(header.msg_len).ok()?;
        let bytes = self.buffers.get(at)?.get(..octets.min(QUERY_OCTETS_MAX))?;
        let name = envelope.name.0.get(..usize::try_from(header.msg_hdr.msg_namelen).ok()?)?;
        #[allow(clippy::unnecessary_cast, reason = "the type differs between C libraries")]
        let control = envelope.control.0.get(..header.msg_hdr.msg_controllen as usize)?;
        Some(Datagram { bytes, source: read_name(name)?, arrival: read_control(control) })
    }
}

impl Outbox {
    /// Makes the buffers.
    pub(super) fn new() -> Self {
        Self {
            replies: Box::new(std::array::from_fn(|_| Vec::with_capacity(UDP_REPLY_MAX))),
            envelopes: Box::new([const { Envelope::EMPTY }; BATCH]),
            headers: Headers::new(),
            filled: 0,
        }
    }

    /// Where the next reply is written. With the box full it is the last one: send before.
    pub(super) fn reply(&mut self) -> &mut Vec<u8> {
        let at = self.filled.min(BATCH - 1);
        &mut self.replies[at]
    }

    /// The reply that was written goes to this address, from that of ours which was asked.
    pub(super) fn seal(&mut self, to: SocketAddr, from: Option<Arrival>) {
        let Some(envelope) = self.envelopes.get_mut(self.filled) else { return };
        envelope.name_octets = write_name(to, &mut envelope.name.0);
        envelope.control_octets = from.map_or(0, |from| write_control(from, &mut envelope.control.0));
        self.filled += 1;
    }

    /// Sends all replies and empties the box; returns how many the operating system did not take.
    /// A reply that cannot be sent (no route any more) costs no other one its place.
    pub(super) fn send(&mut self, socket: BorrowedFd<'_>) -> u64 {
        let filled = std::mem::take(&mut self.filled);
        let Headers { headers, slices } = &mut *self.headers;
        let letters = self.replies.iter_mut().zip(self.envelopes.iter_mut()).take(filled);
        for ((header, slice), (reply, envelope)) in headers.iter_mut().zip(slices.iter_mut()).zip(letters) {
            point(header, slice, reply, envelope);
        }
        let (mut at, mut unsent, mut waited) = (0, 0, false);
        while let Some(rest) = headers.get_mut(at..filled).filter(|rest| !rest.is_empty()) {
            // SAFETY: `rest` are headers that were pointed above to buffers that are borrowed for
            // this whole function and of the lengths given; there are as many as is said. The
            // kernel reads the buffers and writes the lengths sent into the headers alone.
            let sent = unsafe {
                libc::sendmmsg(
                    socket.as_raw_fd(),
                    rest.as_mut_ptr(),
                    rest.len() as libc::c_uint,
                    libc::MSG_DONTWAIT as _,
                )
            };
            match usize::try_from(sent).map_err(|_| io::Error::last_os_error()) {
                Ok(sent) => at += sent.max(1),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock && !waited => {
                    waited = true;
                    super::socket::wait_for_room(socket);
                }
                // It is about the first of the rest.
                Err(error) => {
                    tracing::debug!(%error, "a reply could not be sent");
                    unsent += 1;
                    at += 1;
                }
            }
        }
        unsent
    }
}

/// Whether three quarters of what a socket's queue may hold are taken. (The kernel gives room back in
/// steps of a quarter, so that it may truly be half.)
pub(super) fn is_filling(socket: BorrowedFd<'_>) -> bool {
    let mut memory = [0_u32; 9];
    let mut octets = size_of_val(&memory) as libc::socklen_t;
    // SAFETY: `memory` is `octets` long and plain integers; the kernel writes no more into it, and
    // into `octets` how much that was.
    let failed = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            memory.as_mut_ptr().cast(),
            &raw mut octets,
        )
    };
    // SK_MEMINFO_RMEM_ALLOC and SK_MEMINFO_RCVBUF come first.
    let [taken, room, ..] = memory;
    failed == 0 && u64::from(taken) * 4 > u64::from(room) * 3
}

/// Reads the kernel's form of an address. `None` without one, and for port 0, which cannot be
/// answered.
fn read_name(name: &[u8]) -> Option<SocketAddr> {
    let (family, rest) = name.split_first_chunk::<2>()?;
    let (port, rest) = rest.split_first_chunk::<2>()?;
    let port = u16::from_be_bytes(*port);
    let found = match i32::from(u16::from_ne_bytes(*family)) {
        libc::AF_INET => {
            let (address, _) = rest.split_first_chunk::<4>()?;
            SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::from(*address), port))
        }
        libc::AF_INET6 => {
            let (flow, rest) = rest.split_first_chunk::<4>()?;
            let (address, rest) = rest.split_first_chunk::<16>()?;
            let (scope, _) = rest.split_first_chunk::<4>()?;
            let (flow, scope) = (u32::from_ne_bytes(*flow), u32::from_ne_bytes(*scope));
            SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::from(*address), port, flow, scope))
        }
        _ => return None,
    };
    (port != 0).then_some(found)
}

/// Writes the kernel's form of an address; returns its length.
fn write_name(address: SocketAddr, name: &mut [u8; NAME]) -> usize {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let mut writer = Writer { octets: name, at: 0 };
    writer.put(&u16::try_from(family).unwrap_or(0).to_ne_bytes());
    writer.put(&address.port().to_be_bytes());
    match address {
        SocketAddr::V4(address) => {
            writer.put(&address.ip().octets());
            writer.put(&[0; 8]);
        }
        SocketAddr::V6(address) => {
            // The flow label is the client's; ours is none.
            writer.put(&[0; 4]);
            writer.put(&address.ip().octets());
            writer.put(&address.scope_id().to_ne_bytes());
        }
    }
    writer.at
}

/// Finds packet info among control messages.
fn read_control(mut control: &[u8]) -> Option<Arrival> {
    while let Some((length, rest)) = control.split_first_chunk::<{ size_of::<usize>() }>() {
        let length = usize::from_ne_bytes(*length);
        let (level, rest) = rest.split_first_chunk::<4>()?;
        let (kind, _) = rest.split_first_chunk::<4>()?;
        let data = control.get(HEAD..length)?;
        match (i32::from_ne_bytes(*level), i32::from_ne_bytes(*kind)) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                let (interface, rest) = data.split_first_chunk::<4>()?;
                let (local, _) = rest.split_first_chunk::<4>()?;
                let interface = u32::from_ne_bytes(*interface);
                return Some(Arrival { local: Ipv4Addr::from(*local).into(), interface });
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                let (local, rest) = data.split_first_chunk::<16>()?;
                let (interface, _) = rest.split_first_chunk::<4>()?;
                let interface = u32::from_ne_bytes(*interface);
                return Some(Arrival { local: Ipv6Addr::from(*local).into(), interface });
            }
            _ => control = control.get(align(length)..)?,
        }
    }
    None
}

/// Writes packet info; returns its length with its head and padding.
fn write_control(from: Arrival, control: &mut [u8; CONTROL]) -> usize {
    let (level, kind, length) = match from.local {
        IpAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_PKTINFO, size_of::<libc::in_pktinfo>()),
        IpAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, size_of::<libc::in6_pktinfo>()),
    };
    let mut writer = Writer { octets: control, at: 0 };
    writer.put(&(HEAD + length).to_ne_bytes());
    writer.put(&level.to_ne_bytes());
    writer.put(&kind.to_ne_bytes());
    writer.at = HEAD;
    match from.local {
        IpAddr::V4(local) => {
            // The routing table picks the interface, the packet info only the address.
            writer.put(&[0; 4]);
            writer.put(&local.octets());
            writer.put(&[0; 4]);
        }
        IpAddr::V6(local) => {
            writer.put(&local.octets());
            // A link-local address means nothing without its interface.
            let interface = if local.is_unicast_link_local() { from.interface } else { 0 };
            writer.put(&interface.to_ne_bytes());
        }
    }
    HEAD + align(length)
}

/// Puts octets one after the other; what has no room is left out, and the kernel refuses the rest.
struct Writer<'a> {
    octets: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, octets: &[u8]) {
        if let Some(room) = self.octets.get_mut(self.at..self.at + octets.len()) {
            room.copy_from_slice(octets);
        }
        self.at += octets.len();
    }
}

#[cfg(test)]
#[path = "mmsg_tests.rs"]
mod tests;
