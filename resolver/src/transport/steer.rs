//! Which of an address's sockets a client's queries go to: a hash of its source address.
//!
//! By itself the kernel hashes the source port as well, so that one flooding device fills the
//! queues of all sockets and nobody else gets in. A classic BPF program, for which no privilege is
//! needed, leaves the port out: a device has one socket, and who floods fills that one. The hash is keyed anew at
//! every start, so that nobody can work out whose socket is whose.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};

/// Where the source address stands in the IP header, and in how many words.
const SOURCE_V4: (u32, u32) = (12, 1);
const SOURCE_V6: (u32, u32) = (8, 4);

/// Shifts and factors of the mixing.
const MIX: [(u32, u32); 2] = [(16, 0x85eb_ca6b), (13, 0xc2b2_ae35)];

/// Spreads clients over the sockets of the reuse-port group of `one`: `count` of them, in the order
/// in which they were bound.
///
/// # Errors
/// When the system gives no random key, or the kernel does not take the program.
pub(super) fn by_source(one: &impl AsFd, address: SocketAddr, count: usize) -> io::Result<()> {
    let mut key = [0; 4];
    getrandom::fill(&mut key).map_err(io::Error::from)?;
    let mut program = program(address.is_ipv6(), u32::from_ne_bytes(key), count);
    let filter =
        libc::sock_fprog { len: u16::try_from(program.len()).unwrap_or(0), filter: program.as_mut_ptr() };
    setsockopt(one, sockopt::AttachReusePortCbpf, &filter)?;
    Ok(())
}

/// For each word of the address: hash = mix(hash ^ word), with the key for the first hash; at last the
/// remainder by the number of sockets. The mixing is that at the end of `MurmurHash3`: neighbours in a VLAN
/// differ in a few low bits, and a random multiplier alone can leave half of the sockets empty.
fn program(ipv6: bool, key: u32, count: usize) -> Vec<libc::sock_filter> {
    let (start, words) = if ipv6 { SOURCE_V6 } else { SOURCE_V4 };
    let step =
        |code: u32, k: u32| libc::sock_filter { code: u16::try_from(code).unwrap_or(0), jt: 0, jf: 0, k };
    let alu = |operation: u32, k: u32| step(libc::BPF_ALU | operation | libc::BPF_K, k);
    let keep = || step(libc::BPF_MISC | libc::BPF_TAX, 0);
    let with_kept = || step(libc::BPF_ALU | libc::BPF_XOR | libc::BPF_X, 0);
    let fold = |bits: u32| [keep(), alu(libc::BPF_RSH, bits), with_kept()];
    let mut steps = vec![step(libc::BPF_LD | libc::BPF_IMM, key)];
    for word in 0..words {
        // The packet begins behind the UDP header here; the IP header is reached from its own mark.
        let source = (libc::SKF_NET_OFF.cast_unsigned()).wrapping_add(start + 4 * word);
        steps.extend([keep(), step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, source), with_kept()]);
        for (bits, factor) in MIX {
            steps.extend(fold(bits));
            steps.push(alu(libc::BPF_MUL, factor));
        }
        steps.extend(fold(16));
    }
    let count = u32::try_from(count).unwrap_or(u32::MAX).max(1);
    steps.push(alu(libc::BPF_MOD, count));
    steps.push(step(libc::BPF_RET | libc::BPF_A, 0));
    steps
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::net::{Ipv4Addr, UdpSocket};
    use std::os::fd::AsFd;

    use nix::poll::{PollFd, PollFlags, poll};

    use super::super::socket::{SOCKETS_PER_WORKER, bind};
    use super::*;

    #[test]
    fn a_client_has_one_socket_whatever_its_port_and_clients_are_spread() {
        let bound = bind(&[(Ipv4Addr::LOCALHOST, 0).into()], 2).unwrap();
        let server = bound.addresses()[0];
        let sockets: Vec<&UdpSocket> =
            bound.listeners[0].udp.iter().flatten().map(|datagrams| &*datagrams.socket).collect();
        assert_eq!(sockets.len(), 2 * SOCKETS_PER_WORKER);
        let mut places: BTreeMap<u8, BTreeSet<usize>> = BTreeMap::new();
        for host in 1..=64 {
            for _ in 0..4 {
                let client = UdpSocket::bind((Ipv4Addr::new(127, 0, 7, host), 0)).unwrap();
                client.send_to(&[host], server).unwrap();
                let mut ready: Vec<PollFd<'_>> =
                    sockets.iter().map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)).collect();
                assert_eq!(poll(&mut ready, 10_000_u16).unwrap(), 1);
                let place = ready.iter().position(|socket| socket.any() == Some(true)).unwrap();
                let mut buffer = [0; 2];
                assert_eq!(sockets[place].recv(&mut buffer).unwrap(), 1);
                places.entry(buffer[0]).or_default().insert(place);
            }
        }
        assert!(places.values().all(|sockets| sockets.len() == 1), "{places:?}");
        let used: BTreeSet<&usize> = places.values().flatten().collect();
        assert!(used.len() >= SOCKETS_PER_WORKER, "64 clients use {} of 16 sockets", used.len());
    }

    #[test]
    fn every_socket_of_both_families_can_be_chosen() {
        // The program, worked out by hand for each step that it has.
        let chosen = |ipv6: bool, key: u32, words: &[u32]| {
            let (mut a, mut x, mut word) = (0_u32, 0_u32, words.iter());
            for step in program(ipv6, key, 16) {
                match u32::from(step.code) {
                    code if code == libc::BPF_LD | libc::BPF_IMM => a = step.k,
                    code if code == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS => a = *word.next().unwrap(),
                    code if code == libc::BPF_MISC | libc::BPF_TAX => x = a,
                    code if code == libc::BPF_ALU | libc::BPF_XOR | libc::BPF_X => a ^= x,
                    code if code == libc::BPF_ALU | libc::BPF_MUL => a = a.wrapping_mul(step.k),
                    code if code == libc::BPF_ALU | libc::BPF_RSH => a >>= step.k,
                    code if code == libc::BPF_ALU | libc::BPF_MOD => a %= step.k,
                    code => assert_eq!(code, libc::BPF_RET | libc::BPF_A),
                }
            }
            assert!(word.next().is_none(), "every word of the address counts");
            a
        };
        // A VLAN's hosts differ in the last octets alone, whatever the key of the day.
        for key in (0..500_u32).map(|number| number.wrapping_mul(0x9e37_79b1)) {
            let v4: BTreeSet<u32> = (1..=64).map(|host| chosen(false, key, &[0x0a14_0000 + host])).collect();
            let v6: BTreeSet<u32> =
                (1..=64).map(|host| chosen(true, key, &[0x2001_0db8, 0, 0, host])).collect();
            assert!(v4.len() >= 10 && v6.len() >= 10, "{key:#x}: {} and {} of 16", v4.len(), v6.len());
        }
    }
}
