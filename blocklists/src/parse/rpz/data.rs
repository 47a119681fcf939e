//! Actions: what the data of a record makes of a question.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Odd;
use super::master::unescaped;
use super::name::Origin;
use crate::name::{Name, NameRef};
use crate::parse::rtype;
use crate::parse::rule::Action;

/// Longest data of a record in octets.
const RDATA_MAX: usize = 65_535;

/// What the data of a record says.
pub(super) enum Rdata {
    /// The trigger is taken out.
    Passthru,
    /// How to answer, other than with data.
    Action(Action<'static>),
    /// One record of the answer.
    Record(Box<[u8]>),
}

/// Reads the data of a record whose owner spells `asked`, where its trigger is a name.
pub(super) fn read(
    rtype: u16,
    words: &[Box<[u8]>],
    origin: &Origin,
    asked: Option<NameRef<'_>>,
) -> Result<Rdata, Odd> {
    let wrong = Odd::Wrong("the data of the record cannot be read");
    if let [mark, rest @ ..] = words
        && **mark == *b"\\#"
    {
        return generic(rtype, rest).map(Rdata::Record).ok_or(wrong);
    }
    if rtype == rtype::CNAME {
        let [target] = words else { return Err(wrong) };
        return cname(&origin.name(target)?, asked);
    }
    let text = |at: usize| words.get(at).and_then(|word| std::str::from_utf8(word).ok());
    let mut out = Vec::new();
    let whole = match (rtype, words.len()) {
        (rtype::A, 1) => {
            text(0).and_then(|text| text.parse::<Ipv4Addr>().ok()).map(|a| out.extend(a.octets()))
        }
        (rtype::AAAA, 1) => {
            text(0).and_then(|text| text.parse::<Ipv6Addr>().ok()).map(|a| out.extend(a.octets()))
        }
        (rtype::PTR, 1) => name_behind(&[], words, origin, &mut out)?,
        (rtype::MX, 2) => name_behind(&[text(0)], words, origin, &mut out)?,
        (rtype::SRV, 4) => name_behind(&[text(0), text(1), text(2)], words, origin, &mut out)?,
        (rtype::TXT | rtype::SPF, 1..) => strings(words, &mut out),
        (rtype::A | rtype::AAAA | rtype::PTR | rtype::MX | rtype::SRV | rtype::TXT | rtype::SPF, _) => None,
        _ => return Err(Odd::Unsupported(rtype::word(rtype))),
    };
    whole.filter(|()| out.len() <= RDATA_MAX).map(|()| Rdata::Record(out.into())).ok_or(wrong)
}

/// What a CNAME says: the targets with a meaning of their own, else data.
fn cname(target: &Name, asked: Option<NameRef<'_>>) -> Result<Rdata, Odd> {
    Ok(match target.as_ref().wire() {
        b"\0" => Rdata::Action(Action::NxDomain),
        b"\x01*\0" => Rdata::Action(Action::NoData),
        b"\x0crpz-passthru\0" => Rdata::Passthru,
        b"\x08rpz-drop\0" => Rdata::Action(Action::Drop),
        b"\x0crpz-tcp-only\0" => Rdata::Action(Action::TcpOnly),
        // How zones said it before there was a word for it.
        _ if asked == Some(target.as_ref()) => Rdata::Passthru,
        wire if target.as_ref().label_count() == 1 && wire.get(1..5) == Some(b"rpz-") => {
            return Err(Odd::Unsupported("rpz-action"));
        }
        wire => Rdata::Record(wire.into()),
    })
}

/// Numbers of two octets, then a name.
fn name_behind(
    numbers: &[Option<&str>],
    words: &[Box<[u8]>],
    origin: &Origin,
    out: &mut Vec<u8>,
) -> Result<Option<()>, Odd> {
    for number in numbers {
        let Some(number) = number.and_then(|text| text.parse::<u16>().ok()) else { return Ok(None) };
        out.extend(number.to_be_bytes());
    }
    let name = origin.name(words.last().map_or(&[][..], |word| word))?;
    out.extend_from_slice(name.as_ref().wire());
    Ok(Some(()))
}

/// Character strings (RFC 1035 section 3.3).
fn strings(words: &[Box<[u8]>], out: &mut Vec<u8>) -> Option<()> {
    for word in words {
        let bytes: Option<Vec<u8>> = unescaped(word).map(|byte| byte.map(|(byte, _)| byte)).collect();
        let bytes = bytes?;
        out.push(u8::try_from(bytes.len()).ok()?);
        out.extend(bytes);
    }
    Some(())
}

/// Data of any type: a length, then hexadecimal digits (RFC 3597 section 5). Names in it would have to
/// be read first, so types that are a name, and aliases, are not written so.
fn generic(rtype: u16, words: &[Box<[u8]>]) -> Option<Box<[u8]>> {
    let (length, digits) = words.split_first()?;
    let length: usize = std::str::from_utf8(length).ok()?.parse().ok()?;
    let is_fit = match rtype {
        rtype::A => length == 4,
        rtype::AAAA => length == 16,
        rtype::CNAME | rtype::DNAME | rtype::PTR => false,
        _ => length <= RDATA_MAX,
    };
    let digits: Vec<u8> = digits.iter().flat_map(|word| word.iter().copied()).collect();
    if !is_fit || digits.len() != length.checked_mul(2)? {
        return None;
    }
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(byte).collect()
}
