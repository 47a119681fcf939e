//! One try: one question to one server, over UDP (TCP when truncated) or TCP.
//!
//! Each UDP question has a socket of its own, connected to the server and on a port that the
//! operating system picks at random, and a random id: a forger has to guess both (RFC 5452). A
//! connected socket also learns at once that nothing listens on the other side.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::UpQuestion;
use super::address::Carrier;
use super::message::{self, Reply};

/// Octets of the buffer for a datagram: more than we allow the server to send, so that a server
/// that does not care is still understood.
const DATAGRAM_OCTETS: usize = 4096;

/// Asks; gives the checked message. The caller bounds the time.
///
/// # Errors
/// Whatever the network says, and `InvalidData` when a stream carries something else than the
/// answer.
pub(super) async fn ask(
    carrier: Carrier,
    server: SocketAddr,
    question: &UpQuestion,
) -> io::Result<(Vec<u8>, Reply)> {
    let query = message::encode(question, random_id()?);
    if carrier == Carrier::Udp {
        let (bytes, reply) = over_udp(server, &query).await?;
        if !reply.truncated {
            return Ok((bytes, reply));
        }
    }
    over_tcp(server, &query).await
}

fn random_id() -> io::Result<u16> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(io::Error::other)?;
    Ok(u16::from_be_bytes(id))
}

async fn over_udp(server: SocketAddr, query: &[u8]) -> io::Result<(Vec<u8>, Reply)> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(query).await?;
    let mut buffer = vec![0; DATAGRAM_OCTETS];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let reply = buffer.get(..length).and_then(|bytes| message::check(query, bytes));
        if let Some(reply) = reply {
            buffer.truncate(length);
            return Ok((buffer, reply));
        }
    }
}

async fn over_tcp(server: SocketAddr, query: &[u8]) -> io::Result<(Vec<u8>, Reply)> {
    let mut stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    // Length and message in one write (RFC 7766 section 8).
    stream.write_all(&[&length.to_be_bytes(), query].concat()).await?;
    let length = stream.read_u16().await?;
    let mut bytes = vec![0; usize::from(length)];
    stream.read_exact(&mut bytes).await?;
    match message::check(query, &bytes) {
        Some(reply) => Ok((bytes, reply)),
        None => Err(io::Error::new(io::ErrorKind::InvalidData, "not an answer to this question")),
    }
}
