//! The people and machines of the stories.

mod coordinator;
mod publisher;
mod pupil;
mod records;
mod resolver;
mod school;
mod upstream;

pub use coordinator::Coordinator;
pub use publisher::Publisher;
pub use pupil::{Pupil, Question, Reply};
pub use resolver::{Make, Resolver};
pub use school::{Exit, Plan, School};
pub use upstream::{Mood, Upstream};

/// How a question travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// One datagram each way.
    Udp,
    /// Two bytes of length before each message (RFC 1035 section 4.2.2).
    Tcp,
}

/// Both, for stories that hold on either.
pub const TRANSPORTS: [Transport; 2] = [Transport::Udp, Transport::Tcp];

/// The actors are believed in every other story, so first they have to understand each other.
#[test]
fn a_pupil_understands_what_the_upstream_says() {
    let upstream = Upstream::start();
    upstream.has("shop.example 60 A 192.0.2.1\nalias.example CNAME shop.example\nshop.example HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1 ech=key");
    upstream.has("tree.example DNAME shop.example\nshop.example MX 10 mail.shop.example");
    let pupil = Pupil::new("127.20.0.5".parse().unwrap(), upstream.address());
    for transport in TRANSPORTS {
        let ask = |name: &str, rtype: &str| pupil.send(transport, &Question::new(name, rtype));
        assert_eq!(ask("alias.example", "A").said(), "CNAME shop.example / A 192.0.2.1");
        assert_eq!(ask("shop.example", "A").ttl_max(), 60);
        assert_eq!(ask("shop.example", "MX").said(), "MX 10 mail.shop.example");
        assert!(ask("shop.example", "HTTPS").contains(b"key"));
        assert!(ask("x.tree.example", "A").said().ends_with("CNAME x.shop.example / A 198.51.100.7"));
        assert_eq!(ask("shop.example", "TXT").authority(), Some(("example".into(), 900, 900)));
        assert_eq!(ask("a.nowhere.example", "A").said(), "NXDOMAIN");
    }
    assert_eq!(upstream.times_asked("alias.example"), 2);
}
