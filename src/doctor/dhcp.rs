//! DHCP as far as it takes to ask who hands out addresses, and to read which DNS servers come with
//! them (RFC 2131, RFC 2132).

use std::net::Ipv4Addr;

/// Length of the fixed part, before the cookie.
const FIXED: usize = 236;
const COOKIE: [u8; 4] = [99, 130, 83, 99];
const BOOT_REQUEST: u8 = 1;
const BOOT_REPLY: u8 = 2;
const ETHERNET: u8 = 1;
/// The server is to answer by broadcast, as we have no address from it.
const FLAG_BROADCAST: u8 = 0x80;
const OPTION_PAD: u8 = 0;
const OPTION_DNS: u8 = 6;
const OPTION_KIND: u8 = 53;
const OPTION_SERVER: u8 = 54;
const OPTION_WANTED: u8 = 55;
const OPTION_END: u8 = 255;
const DISCOVER: u8 = 1;
const OFFER: u8 = 2;

/// What a DHCP server would hand out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offer {
    /// The server, by its own word.
    pub server: Ipv4Addr,
    /// The DNS servers, in its order.
    pub dns: Vec<Ipv4Addr>,
}

/// A DHCPDISCOVER: it asks, and takes nothing.
pub fn discover(transaction: [u8; 4], mac: [u8; 6]) -> Vec<u8> {
    let mut message = vec![BOOT_REQUEST, ETHERNET, 6, 0];
    message.extend(transaction);
    message.extend([0, 0, FLAG_BROADCAST, 0]);
    message.resize(28, 0);
    message.extend(mac);
    message.resize(FIXED, 0);
    message.extend(COOKIE);
    message.extend([OPTION_KIND, 1, DISCOVER, OPTION_WANTED, 2, OPTION_DNS, OPTION_SERVER, OPTION_END]);
    // Some relays drop what is shorter than a BOOTP message.
    message.resize(300, 0);
    message
}

/// Reads an answer to our question; `None` for anything else.
pub fn offer(message: &[u8], transaction: [u8; 4], mac: [u8; 6]) -> Option<Offer> {
    let (fixed, rest) = message.split_at_checked(FIXED)?;
    let mut options = rest.strip_prefix(&COOKIE)?;
    if fixed.first() != Some(&BOOT_REPLY) || fixed.get(4..8)? != transaction || fixed.get(28..34)? != mac {
        return None;
    }
    let (mut is_offer, mut server, mut dns) = (false, None, Vec::new());
    while let Some((&option, rest)) = options.split_first() {
        if option == OPTION_PAD {
            options = rest;
            continue;
        }
        if option == OPTION_END {
            break;
        }
        let (&length, rest) = rest.split_first()?;
        let (value, rest) = rest.split_at_checked(length.into())?;
        match option {
            OPTION_KIND => is_offer = value == [OFFER],
            OPTION_SERVER => server = addresses(value).next(),
            OPTION_DNS => dns.extend(addresses(value)),
            _ => {}
        }
        options = rest;
    }
    is_offer.then_some(Offer { server: server?, dns })
}

fn addresses(value: &[u8]) -> impl Iterator<Item = Ipv4Addr> {
    value.as_chunks::<4>().0.iter().map(|octets| Ipv4Addr::from(*octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: [u8; 4] = [1, 2, 3, 4];
    const MAC: [u8; 6] = [2, 0, 0x5e, 0x10, 0, 1];

    /// The question turned into an answer with these options.
    fn reply(options: &[u8]) -> Vec<u8> {
        let mut message = discover(ID, MAC);
        message[0] = BOOT_REPLY;
        message.truncate(FIXED + COOKIE.len());
        message.extend(options);
        message
    }

    #[test]
    fn the_question_is_one_that_servers_answer() {
        let message = discover(ID, MAC);
        assert_eq!((message.len(), &message[28..34], message[10]), (300, &MAC[..], 0x80));
        assert_eq!(message[240..243], [53, 1, 1]);
        assert_eq!(offer(&message, ID, MAC), None, "not an answer");
    }

    #[test]
    fn an_offer_tells_server_and_resolvers() {
        let good = [0, 53, 1, 2, 54, 4, 10, 20, 0, 2, 6, 8, 10, 20, 0, 1, 8, 8, 8, 8, 255, 7];
        let expected =
            Offer { server: [10, 20, 0, 2].into(), dns: vec![[10, 20, 0, 1].into(), [8, 8, 8, 8].into()] };
        assert_eq!(offer(&reply(&good), ID, MAC), Some(expected));
        assert_eq!(offer(&reply(&good), [9; 4], MAC), None, "another transaction");
        assert_eq!(offer(&reply(&good), ID, [9; 6]), None, "another machine");
        assert_eq!(offer(&reply(&[53, 1, 5, 54, 4, 10, 20, 0, 2, 255]), ID, MAC), None, "an acknowledgement");
        assert_eq!(offer(&reply(&[53, 1, 2, 255]), ID, MAC), None, "from nobody");
        for length in 0..reply(&good).len() - 2 {
            // Whatever is cut off, nothing is read that is not there.
            let _ = offer(&reply(&good)[..length], ID, MAC);
        }
        assert_eq!(offer(&reply(&[53, 1, 2, 54, 4, 10, 20, 0, 2, 6, 200, 1]), ID, MAC), None, "cut short");
    }
}
