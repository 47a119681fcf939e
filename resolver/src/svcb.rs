//! SVCB and HTTPS record data (RFC 9460): reading its target and hints, writing it with less in it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use blocklists::name::NameRef;

/// SvcParam keys (RFC 9460 section 14.3.2).
const MANDATORY: u16 = 0;
const IPV4HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6HINT: u16 = 6;

/// The data of one SVCB or HTTPS record, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct Service<'a> {
    head: &'a [u8],
    target: NameRef<'a>,
    params: &'a [u8],
}

/// What stays when a record is written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Removed {
    ech: bool,
    ipv4: bool,
    ipv6: bool,
}

impl<'a> Service<'a> {
    /// Reads record data whose target is uncompressed and lower-case; `None` when it is broken.
    #[must_use]
    pub fn read(rdata: &'a [u8]) -> Option<Self> {
        let mut end = 2;
        loop {
            let label = usize::from(*rdata.get(end)?);
            end += 1 + label;
            if label == 0 {
                break;
            }
        }
        let (head, params) = rdata.split_at_checked(end)?;
        let target = NameRef::from_lower_wire(head.get(2..)?).ok()?;
        let service = Self { head, target, params };
        // Walking to the very end proves that every length in it is true.
        let octets: usize = service.params().map(|(_, value)| 4 + value.len()).sum();
        (octets == params.len()).then_some(service)
    }

    /// The host that provides the service; the root stands for the owner itself.
    #[must_use]
    pub fn target(&self) -> NameRef<'a> {
        self.target
    }

    /// Whether it carries an Encrypted Client Hello configuration.
    #[must_use]
    pub fn has_ech(&self) -> bool {
        self.params().any(|(key, _)| key == ECH)
    }

    /// Addresses in it.
    pub fn hints(&self) -> impl Iterator<Item = IpAddr> + use<'a> {
        self.params().flat_map(|(key, value)| hints(key, value))
    }

    /// Writes it without ECH (where `strip_ech`) and without the hints that `keep` refuses; keys
    /// that are gone are no longer mandatory either.
    pub fn write(&self, strip_ech: bool, mut keep: impl FnMut(IpAddr) -> bool, out: &mut Vec<u8>) {
        let mut any = |wanted: u16| {
            self.params()
                .filter(|(key, _)| *key == wanted)
                .flat_map(|(key, value)| hints(key, value))
                .any(&mut keep)
        };
        let removed = Removed { ech: strip_ech, ipv4: !any(IPV4HINT), ipv6: !any(IPV6HINT) };
        out.extend_from_slice(self.head);
        for (key, value) in self.params() {
            let start = out.len();
            out.extend_from_slice(&key.to_be_bytes());
            out.extend_from_slice(&[0, 0]);
            match key {
                MANDATORY => {
                    let keys = value
                        .chunks_exact(2)
                        .filter(|key| !removed.has(u16::from_be_bytes([key[0], key[1]])));
                    keys.for_each(|key| out.extend_from_slice(key));
                }
                IPV4HINT | IPV6HINT => {
                    for address in hints(key, value).filter(|&address| keep(address)) {
                        match address {
                            IpAddr::V4(address) => out.extend_from_slice(&address.octets()),
                            IpAddr::V6(address) => out.extend_from_slice(&address.octets()),
                        }
                    }
                }
                _ => out.extend_from_slice(value),
            }
            let length = out.len() - start - 4;
            if removed.has(key) || (key == MANDATORY && length == 0) {
                out.truncate(start);
            } else if let (Ok(length), Some(place)) =
                (u16::try_from(length), out.get_mut(start + 2..start + 4))
            {
                place.copy_from_slice(&length.to_be_bytes());
            }
        }
    }

    fn params(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let mut rest = self.params;
        std::iter::from_fn(move || {
            let (head, tail) = rest.split_first_chunk::<4>()?;
            let (value, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes([head[2], head[3]])))?;
            rest = tail;
            Some((u16::from_be_bytes([head[0], head[1]]), value))
        })
    }
}

impl Removed {
    fn has(self, key: u16) -> bool {
        match key {
            ECH => self.ech,
            IPV4HINT => self.ipv4,
            IPV6HINT => self.ipv6,
            _ => false,
        }
    }
}

fn hints(key: u16, value: &[u8]) -> impl Iterator<Item = IpAddr> {
    let v4 = if key == IPV4HINT { value } else { &[] };
    let v6 = if key == IPV6HINT { value } else { &[] };
    let v4 = v4.as_chunks::<4>().0.iter().map(|octets| IpAddr::V4(Ipv4Addr::from(*octets)));
    let v6 = v6.as_chunks::<16>().0.iter().map(|octets| IpAddr::V6(Ipv6Addr::from(*octets)));
    v4.chain(v6)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `1 x. mandatory=alpn,ipv4hint,ech alpn=h2 ipv4hint=192.0.2.1,10.0.0.1 ech=abc ipv6hint=fd00::1`
    fn rdata() -> Vec<u8> {
        let mut bytes = vec![0, 1, 1, b'x', 0];
        for (key, value) in [
            (MANDATORY, vec![0, 1, 0, 4, 0, 5]),
            (1, b"\x02h2".to_vec()),
            (IPV4HINT, vec![192, 0, 2, 1, 10, 0, 0, 1]),
            (ECH, b"abc".to_vec()),
            (IPV6HINT, "fd00::1".parse::<Ipv6Addr>().unwrap().octets().to_vec()),
        ] {
            bytes.extend(key.to_be_bytes());
            bytes.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
            bytes.extend(value);
        }
        bytes
    }

    fn private(address: IpAddr) -> bool {
        matches!(address, IpAddr::V4(v4) if v4.is_private())
            || matches!(address, IpAddr::V6(v6) if v6.is_unique_local())
    }

    #[test]
    fn nothing_changes_when_nothing_is_taken() {
        let rdata = rdata();
        let mut out = Vec::new();
        Service::read(&rdata).unwrap().write(false, |_| true, &mut out);
        assert_eq!(out, rdata);
    }

    #[test]
    fn ech_and_private_hints_go_with_their_mention() {
        let rdata = rdata();
        let service = Service::read(&rdata).unwrap();
        assert!(service.has_ech());
        assert_eq!(service.hints().count(), 3);
        let mut out = Vec::new();
        service.write(true, |address| !private(address), &mut out);
        let written = Service::read(&out).unwrap();
        assert!(!written.has_ech());
        assert_eq!(written.hints().collect::<Vec<_>>(), ["192.0.2.1".parse::<IpAddr>().unwrap()]);
        let mandatory = written.params().find(|(key, _)| *key == MANDATORY).unwrap().1;
        assert_eq!(mandatory, [0, 1, 0, 4]);
        assert!(written.params().all(|(key, _)| key != IPV6HINT));

        let mut none_left = Vec::new();
        service.write(true, |_| false, &mut none_left);
        let written = Service::read(&none_left).unwrap();
        assert_eq!(written.params().map(|(key, _)| key).collect::<Vec<_>>(), [MANDATORY, 1]);
    }

    #[test]
    fn broken_data_is_refused() {
        let good = rdata();
        for cut in 1..good.len() {
            let whole_params = Service::read(&good[..cut]);
            assert!(whole_params.is_none_or(|service| service.hints().count() <= 3), "{cut}");
        }
        assert!(Service::read(&[0, 1]).is_none());
        assert!(Service::read(&[0, 1, 0, 0, 1, 0, 9, 1]).is_none());
        assert!(Service::read(&[0, 1, 0xc0, 0x0c]).is_none());
    }
}
