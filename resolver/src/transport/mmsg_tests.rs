//! Batches over loopback, and the kernel's forms of addresses and packet info.

use std::net::UdpSocket;
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, poll};

use super::super::socket::{Datagrams, bind};
use super::*;

/// A server's socket with packet info on, and its address.
fn server(at: &str) -> (Datagrams, SocketAddr) {
    let mut bound = bind(&[at.parse().unwrap()], 1).unwrap();
    let address = bound.addresses()[0];
    let mut all: Vec<Datagrams> = bound.listeners.remove(0).udp.remove(0);
    // Alone in the group, so that it gets everything.
    (all.swap_remove(0), address)
}

/// Takes batches until so many datagrams have come; what each was is up to `see`.
fn receive(socket: &UdpSocket, inbox: &mut Inbox, count: usize, mut see: impl FnMut(Option<Datagram<'_>>)) {
    let mut seen = 0;
    while seen < count {
        let mut wanted = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut wanted, 10_000_u16).unwrap(), 1, "only {seen} of {count} came");
        let batch = inbox.receive(socket.as_fd()).unwrap();
        (0..batch).for_each(|at| see(inbox.datagram(at)));
        seen += batch;
    }
}

#[test]
fn more_than_a_batch_goes_there_and_back_in_both_families() {
    for at in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"] {
        let (server, address) = server(at);
        let host = if address.is_ipv4() { "127.0.0.1" } else { "::1" };
        let client = UdpSocket::bind((host, 0)).unwrap();
        client.connect((host, address.port())).unwrap();
        let count = BATCH * 2 + 5;
        for number in 0..count {
            client.send(&vec![u8::try_from(number).unwrap(); number]).unwrap();
        }
        let (mut inbox, mut outbox) = (Inbox::new(), Outbox::new());
        let mut numbers = Vec::new();
        receive(&server.socket, &mut inbox, count, |datagram| {
            let datagram = datagram.unwrap();
            assert_eq!(datagram.source, client.local_addr().unwrap());
            assert_eq!(datagram.arrival.unwrap().local, host.parse::<IpAddr>().unwrap());
            numbers.push(datagram.bytes.len());
            let reply = outbox.reply();
            reply.clear();
            reply.extend_from_slice(datagram.bytes);
            outbox.seal(datagram.source, datagram.arrival);
            if outbox.filled == BATCH {
                assert_eq!(outbox.send(server.socket.as_fd()), 0);
            }
        });
        assert_eq!(outbox.send(server.socket.as_fd()), 0);
        assert!(numbers.iter().copied().eq(0..count), "{numbers:?}");
        let mut buffer = [0; 512];
        for number in 0..count {
            assert_eq!(client.recv(&mut buffer).unwrap(), number);
        }
        let empty = inbox.receive(server.socket.as_fd()).unwrap_err();
        assert_eq!(empty.kind(), ErrorKind::WouldBlock);
    }
}

#[test]
fn what_is_longer_than_any_query_is_no_datagram_and_the_next_one_is_whole() {
    let (server, address) = server("127.0.0.1:0");
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in [QUERY_OCTETS_MAX, QUERY_OCTETS_MAX + 1, 60_000, 3, 0] {
        client.send_to(&vec![7; length], address).unwrap();
    }
    let (mut inbox, mut lengths) = (Inbox::new(), Vec::new());
    receive(&server.socket, &mut inbox, 5, |datagram| {
        lengths.push(datagram.map(|datagram| datagram.bytes.len()));
    });
    assert_eq!(lengths, [Some(QUERY_OCTETS_MAX), None, None, Some(3), Some(0)]);
}

#[test]
fn a_reply_that_cannot_be_sent_costs_no_other_its_place() {
    let (server, address) = server("127.0.0.1:0");
    let clients = [(); 3].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    let mut outbox = Outbox::new();
    let loopback = Arrival { local: address.ip(), interface: 0 };
    // TEST-NET-1 (RFC 5737): an address that is none of ours, so nothing can leave from it.
    let foreign = Arrival { local: IpAddr::from([192, 0, 2, 1]), interface: 0 };
    for (client, from) in clients.iter().zip([foreign, loopback, foreign]) {
        outbox.reply().extend_from_slice(b"reply");
        outbox.seal(client.local_addr().unwrap(), Some(from));
    }
    let last = UdpSocket::bind("127.0.0.1:0").unwrap();
    outbox.reply().extend_from_slice(b"last");
    outbox.seal(last.local_addr().unwrap(), None);
    assert_eq!(outbox.send(server.socket.as_fd()), 2);
    let mut buffer = [0; 16];
    assert_eq!(clients[1].recv_from(&mut buffer).unwrap(), (5, address));
    assert_eq!(last.recv_from(&mut buffer).unwrap(), (4, address));
    assert_eq!(outbox.send(server.socket.as_fd()), 0, "the box is empty now");
}

#[test]
fn a_link_local_client_is_told_apart_by_its_interface_and_answered_through_it() {
    let client: SocketAddr = SocketAddrV6::new("fe80::1".parse().unwrap(), 5353, 0, 7).into();
    let mut name = [0; NAME];
    let octets = write_name(client, &mut name);
    assert_eq!((octets, read_name(&name[..octets])), (28, Some(client)));
    for (local, kept) in [("fe80::53", 7), ("2001:db8::53", 0)] {
        let arrival = Arrival { local: local.parse().unwrap(), interface: 7 };
        let mut control = [0; CONTROL];
        let octets = write_control(arrival, &mut control);
        let read = read_control(&control[..octets]).unwrap();
        assert_eq!((read.local, read.interface), (arrival.local, kept));
    }
}

#[test]
fn the_kernels_forms_are_read_with_care() {
    let v4: SocketAddr = "192.0.2.7:4000".parse().unwrap();
    let mut name = [0; NAME];
    let octets = write_name(v4, &mut name);
    assert_eq!((octets, read_name(&name[..octets])), (16, Some(v4)));
    for cut in 0..8 {
        assert_eq!(read_name(&name[..cut]), None);
    }
    name[2..4].fill(0);
    assert_eq!(read_name(&name), None, "port 0 cannot be answered");
    let mut control = [0; CONTROL];
    let arrival = Arrival { local: IpAddr::from([192, 0, 2, 53]), interface: 0 };
    let octets = write_control(arrival, &mut control);
    assert_eq!(read_control(&control[..octets]).map(|read| read.local), Some(arrival.local));
    for cut in 0..HEAD + 8 {
        assert!(read_control(&control[..cut]).is_none());
    }
    // Another message before it, and one that says it is empty.
    let mut two = vec![0; HEAD];
    two[..8].copy_from_slice(&HEAD.to_ne_bytes());
    two.extend_from_slice(&control[..octets]);
    assert_eq!(read_control(&two).map(|read| read.local), Some(arrival.local));
    assert!(read_control(&[0; CONTROL]).is_none());
}
