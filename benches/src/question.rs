//! Questions as bytes, and what a reply says at a glance.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::Outcome;

/// Type A (RFC 1035 section 3.2.2).
pub const A: u16 = 1;
/// An empty OPT record: EDNS 0, 4096 octets, no flags (RFC 6891 section 6.1.2). The same as dnsperf's, so
/// that caches of whole packets know a question by whichever generator it comes.
const OPT: [u8; 11] = [0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0];
/// A header with RD set, one question, one additional record.
const HEADER: [u8; 12] = [0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];

/// A question in class IN with EDNS, under id 0.
pub fn question(name: &str, rtype: u16) -> Vec<u8> {
    let mut packet = HEADER.to_vec();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        packet.push(u8::try_from(label.len()).unwrap_or(63));
        packet.extend_from_slice(label.as_bytes());
    }
    packet.push(0);
    packet.extend(rtype.to_be_bytes());
    packet.extend([0, 1]);
    packet.extend(OPT);
    packet
}

/// What a reply says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// NXDOMAIN, or NOERROR without an answer record: the name leads nowhere.
    Nothing,
    /// NOERROR with records.
    Records,
    /// REFUSED.
    Refused,
    /// Another response code.
    Failed(u8),
    /// No reply, or none that can be read.
    Silence,
}

/// Reads response code and answer count.
pub fn said(reply: &[u8]) -> Said {
    let [_, _, flags, code, _, _, answers @ .., _, _, _, _] = reply.first_chunk::<12>().unwrap_or(&[0; 12]);
    match (flags & 0x80, code & 15, answers) {
        (0, ..) => Said::Silence,
        (_, 0 | 3, [0, 0]) => Said::Nothing,
        (_, 0, _) => Said::Records,
        (_, 5, _) => Said::Refused,
        (_, code, _) => Said::Failed(code),
    }
}

/// Asks one question from this socket and waits so long for its reply.
pub fn ask(socket: &UdpSocket, server: SocketAddr, name: &str, patience: Duration) -> Outcome<Said> {
    let mut packet = question(name, A);
    let id = socket.local_addr()?.port() ^ u16::try_from(name.len()).unwrap_or(0);
    packet.splice(..2, id.to_be_bytes());
    socket.set_read_timeout(Some(patience))?;
    if socket.send_to(&packet, server).is_err() {
        return Ok(Said::Silence);
    }
    let mut reply = [0; 1500];
    // Replies to earlier questions that came late carry another question.
    while let Ok(length) = socket.recv(&mut reply) {
        let reply = reply.get(..length).unwrap_or(&[]);
        let question = 12..packet.len() - OPT.len();
        let same = reply
            .get(question.clone())
            .is_some_and(|asked| packet.get(question).is_some_and(|ours| ours.eq_ignore_ascii_case(asked)));
        if same && reply.get(..2) == packet.get(..2) {
            return Ok(said(reply));
        }
    }
    Ok(Said::Silence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_read_at_a_glance() {
        let reply =
            |flags: u8, code: u8, answers: u8| said(&[0, 0, flags, code, 0, 1, 0, answers, 0, 0, 0, 0]);
        assert_eq!(reply(0x81, 0x83, 0), Said::Nothing);
        assert_eq!(reply(0x81, 0x80, 1), Said::Records);
        assert_eq!(reply(0x81, 0x85, 0), Said::Refused);
        assert_eq!(reply(0x81, 0x82, 0), Said::Failed(2));
        assert_eq!(reply(0x01, 0x00, 0), Said::Silence);
        assert_eq!(said(&[1, 2]), Said::Silence);
        assert_eq!(question("a.bc", A).len(), 12 + 6 + 4 + 11);
    }
}
