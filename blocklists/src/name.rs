//! Domain names as the whole program compares them: lower-case, uncompressed wire form.
//!
//! One form for questions, list entries and rules means that a name is normalised once, at the
//! edge, and that "is this name at or below that one" is a comparison of bytes. Any byte may stand
//! in a label that came over the wire; names that people and lists write are held to host names
//! (letters, digits, hyphen, underscore; U-labels become A-labels).

use std::borrow::Borrow;
use std::fmt;

use thiserror::Error;

/// Longest name in octets, length bytes and root included (RFC 1035 section 2.3.4).
pub const NAME_OCTETS_MAX: usize = 255;
/// Longest label in octets (RFC 1035 section 2.3.4).
pub const LABEL_OCTETS_MAX: usize = 63;
/// Most labels a name can have: 255 octets of one-octet labels, without the root.
pub const LABELS_MAX: usize = 127;

/// Why bytes are not a domain name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing there, or only the root.
    #[error("the name is empty")]
    Empty,
    /// A label is empty, as in `a..b` or `.a`.
    #[error("the name has an empty label")]
    EmptyLabel,
    /// A label is over 63 octets.
    #[error("a label is longer than 63 octets")]
    LabelTooLong,
    /// The whole name is over 255 octets.
    #[error("the name is longer than 255 octets")]
    TooLong,
    /// A byte that no host name has (or, on the wire, a compression pointer).
    #[error("the name has a character that host names do not have")]
    BadCharacter,
    /// It is an IPv4 or IPv6 address: true, but nothing that DNS can block by name.
    #[error("this is an address, not a name")]
    Address,
    /// The bytes end inside the name.
    #[error("the name ends too early")]
    Truncated,
}

/// A name that owns its bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Box<[u8]>);

/// A name borrowed from a packet, an arena or a [`Name`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameRef<'a>(&'a [u8]);

impl Name {
    /// Reads a name as people write it: `www.example.org`, a trailing dot allowed, U-labels
    /// converted.
    ///
    /// # Errors
    /// [`NameError`] when it is not a host name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let mut wire = Vec::with_capacity(text.len() + 2);
        write_host(text.as_bytes(), &mut wire)?;
        Ok(Self(wire.into_boxed_slice()))
    }

    /// Copies an uncompressed wire name from the start of `wire`, lower-cased.
    ///
    /// # Errors
    /// [`NameError`] when the bytes are truncated, compressed or too long.
    pub fn from_wire(wire: &[u8]) -> Result<Self, NameError> {
        let length = wire_length(wire)?;
        let mut owned = wire[..length].to_vec();
        owned.make_ascii_lowercase();
        Ok(Self(owned.into_boxed_slice()))
    }

    /// The root name.
    #[must_use]
    pub fn root() -> Self {
        Self(Box::new([0]))
    }

    /// Borrows it.
    #[must_use]
    pub fn as_ref(&self) -> NameRef<'_> {
        NameRef(&self.0)
    }
}

impl Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl<'a> NameRef<'a> {
    /// Borrows bytes that are already a lower-case uncompressed wire name.
    ///
    /// # Errors
    /// [`NameError`] when they are not exactly one whole name, or a letter is upper-case.
    pub fn from_lower_wire(wire: &'a [u8]) -> Result<Self, NameError> {
        if wire_length(wire)? != wire.len() {
            return Err(NameError::TooLong);
        }
        // Length octets are below 64 and so never look like a capital letter ('A' is 65 > 63).
        if wire.iter().any(u8::is_ascii_uppercase) {
            return Err(NameError::BadCharacter);
        }
        Ok(Self(wire))
    }

    /// Reads the uncompressed name at the start of a packet's bytes, in any case of letters: its
    /// lower-case form, which stands in `buffer`. As long as the name in the packet.
    ///
    /// # Errors
    /// [`NameError`] when the bytes are truncated, compressed or too long.
    pub fn lowered(packet: &[u8], buffer: &'a mut [u8; NAME_OCTETS_MAX]) -> Result<Self, NameError> {
        let length = wire_length(packet)?;
        let (Some(name), Some(lower)) = (packet.get(..length), buffer.get_mut(..length)) else {
            return Err(NameError::TooLong);
        };
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        Ok(Self(lower))
    }

    /// Wire octets, root included.
    #[must_use]
    pub fn wire(self) -> &'a [u8] {
        self.0
    }

    /// An owned copy.
    #[must_use]
    pub fn to_owned(self) -> Name {
        Name(self.0.into())
    }

    /// Whether this is the root.
    #[must_use]
    pub fn is_root(self) -> bool {
        self.0.len() == 1
    }

    /// Labels from the left, without the root.
    pub fn labels(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (&length, tail) = rest.split_first()?;
            if length == 0 {
                return None;
            }
            let (label, tail) = tail.split_at_checked(usize::from(length))?;
            rest = tail;
            Some(label)
        })
    }

    /// How many labels, without the root.
    #[must_use]
    pub fn label_count(self) -> usize {
        self.labels().count()
    }

    /// The name without its leftmost label; `None` at the root.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        let (&length, tail) = self.0.split_first()?;
        (length != 0).then(|| tail.get(usize::from(length)..).map(Self)).flatten()
    }

    /// This name, its parent, and so on, down to the last single label (the root is left out).
    pub fn suffixes(self) -> impl Iterator<Item = NameRef<'a>> {
        std::iter::successors(Some(self), |name| name.parent()).take_while(|name| !name.is_root())
    }

    /// Whether this is `other` or below it.
    #[must_use]
    pub fn is_at_or_below(self, other: NameRef<'_>) -> bool {
        std::iter::successors(Some(self), |name| name.parent()).any(|name| name.0 == other.0)
    }

    /// Offsets in [`wire`](Self::wire) where each label starts, leftmost first.
    #[must_use]
    pub fn label_starts(self) -> LabelStarts {
        let mut starts = LabelStarts { offsets: [0; LABELS_MAX], count: 0 };
        let mut at = 0;
        while let Some(&length) = self.0.get(at) {
            if length == 0 || starts.count == LABELS_MAX {
                break;
            }
            starts.offsets[starts.count] = u8::try_from(at).unwrap_or(u8::MAX);
            starts.count += 1;
            at += 1 + usize::from(length);
        }
        starts
    }

    /// The suffix that starts at a label offset; the root for offsets beyond the name.
    #[must_use]
    pub fn suffix_at(self, offset: u8) -> NameRef<'a> {
        NameRef(self.0.get(usize::from(offset)..).unwrap_or(&[0]))
    }

    /// The name with leading labels that begin with `_` taken off (`_8443._https.x` is `x`).
    ///
    /// Such labels name a service of the host (RFC 8552), so what is said of the host exactly is
    /// said of them too.
    #[must_use]
    pub fn without_underscore_labels(self) -> NameRef<'a> {
        let mut name = self;
        while name.0.get(1) == Some(&b'_') && name.0[0] != 0 {
            match name.parent() {
                Some(parent) if !parent.is_root() => name = parent,
                _ => break,
            }
        }
        name
    }
}

/// Where the labels of one name start, leftmost first.
#[derive(Clone, Copy)]
pub struct LabelStarts {
    offsets: [u8; LABELS_MAX],
    count: usize,
}

impl std::ops::Deref for LabelStarts {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.offsets[..self.count]
    }
}

impl fmt::Display for NameRef<'_> {
    /// Writes it as people do, without the final dot (the root is `.`); bytes that are not
    /// printable, and dots inside labels, are escaped as in RFC 1035 section 5.1.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str(".");
        }
        for (position, label) in self.labels().enumerate() {
            if position > 0 {
                f.write_str(".")?;
            }
            for &byte in label {
                match byte {
                    b'.' | b'\\' | b'"' | b';' | b'@' | b'(' | b')' | b'$' => {
                        write!(f, "\\{}", char::from(byte))?;
                    }
                    0x21..=0x7e => write!(f, "{}", char::from(byte))?,
                    _ => write!(f, "\\{byte:03}")?,
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

impl fmt::Debug for NameRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

/// Octets of the uncompressed wire name at the start of `wire`, root included.
fn wire_length(wire: &[u8]) -> Result<usize, NameError> {
    let mut at = 0;
    loop {
        let length = usize::from(*wire.get(at).ok_or(NameError::Truncated)?);
        if length > LABEL_OCTETS_MAX {
            return Err(NameError::BadCharacter);
        }
        at += 1 + length;
        if at > NAME_OCTETS_MAX {
            return Err(NameError::TooLong);
        }
        if length == 0 {
            return Ok(at);
        }
    }
}

/// Appends the wire form of a host name as lists and people write it to `out`.
///
/// ASCII takes the fast way; anything else goes through IDNA (UTS 46). On an error `out` is as it
/// was. Addresses are told apart, because a list that holds them is not broken.
///
/// # Errors
/// [`NameError`] when the text is not a host name.
pub fn write_host(text: &[u8], out: &mut Vec<u8>) -> Result<(), NameError> {
    let before = out.len();
    let outcome = if text.is_ascii() {
        write_ascii_host(text, out)
    } else {
        let text = std::str::from_utf8(text).map_err(|_| NameError::BadCharacter)?;
        let ascii = idna::domain_to_ascii_cow(text.as_bytes(), idna::AsciiDenyList::EMPTY)
            .map_err(|_| NameError::BadCharacter)?;
        write_ascii_host(ascii.as_bytes(), out)
    };
    if outcome.is_err() {
        out.truncate(before);
    }
    outcome
}

fn write_ascii_host(text: &[u8], out: &mut Vec<u8>) -> Result<(), NameError> {
    let text = text.strip_suffix(b".").unwrap_or(text);
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    let start = out.len();
    let mut length_at = start;
    let mut last_label_is_number = true;
    out.push(0);
    for &byte in text {
        match byte {
            b'.' => {
                close_label(out, length_at)?;
                length_at = out.len();
                out.push(0);
                last_label_is_number = true;
            }
            b'0'..=b'9' => out.push(byte),
            b'a'..=b'z' | b'-' | b'_' => {
                last_label_is_number = false;
                out.push(byte);
            }
            b'A'..=b'Z' => {
                last_label_is_number = false;
                out.push(byte | 0x20);
            }
            b':' if is_ipv6(text) => return Err(NameError::Address),
            _ => return Err(NameError::BadCharacter),
        }
    }
    close_label(out, length_at)?;
    out.push(0);
    // A name whose last label is a number is an address to every client (WHATWG URL, RFC 1123 2.1).
    if last_label_is_number {
        return Err(NameError::Address);
    }
    if out.len() - start > NAME_OCTETS_MAX {
        return Err(NameError::TooLong);
    }
    Ok(())
}

fn close_label(out: &mut [u8], length_at: usize) -> Result<(), NameError> {
    let length = out.len() - length_at - 1;
    match u8::try_from(length) {
        Ok(0) => Err(NameError::EmptyLabel),
        Ok(octets) if length <= LABEL_OCTETS_MAX => {
            out[length_at] = octets;
            Ok(())
        }
        _ => Err(NameError::LabelTooLong),
    }
}

fn is_ipv6(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok())
}

/// Hashes wire names with XXH3, for maps whose keys come from the school's own files and ours, never
/// from questions: a fixed seed then gives nobody a way to make look-ups slow.
#[derive(Debug, Default)]
pub struct NameHasher(u64);

impl std::hash::Hasher for NameHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxhash_rust::xxh3::xxh3_64_with_seed(bytes, self.0);
    }

    fn write_usize(&mut self, length: usize) {
        self.0 ^= length as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn people_and_the_wire_mean_the_same_name() {
        let written = name("WWW.Example.ORG.");
        let wired = Name::from_wire(b"\x03wWw\x07exAmple\x03org\x00trailing").unwrap();
        assert_eq!(written, wired);
        assert_eq!(written.to_string(), "www.example.org");
        assert_eq!(name("münchen.example").to_string(), "xn--mnchen-3ya.example");
    }

    #[test]
    fn what_is_no_host_name_says_why() {
        let long = "a".repeat(64);
        let very_long = vec!["abcdefghi"; 26].join(".");
        for (text, why) in [
            ("", NameError::Empty),
            (".", NameError::Empty),
            ("a..b", NameError::EmptyLabel),
            (".a", NameError::EmptyLabel),
            (long.as_str(), NameError::LabelTooLong),
            (very_long.as_str(), NameError::TooLong),
            ("a b", NameError::BadCharacter),
            ("http://x", NameError::BadCharacter),
            ("192.0.2.1", NameError::Address),
            ("2001:db8::1", NameError::Address),
            ("::", NameError::Address),
        ] {
            assert_eq!(Name::parse(text).unwrap_err(), why, "{text}");
        }
    }

    #[test]
    fn hostile_wire_names_are_refused() {
        assert_eq!(Name::from_wire(b"\x03ww"), Err(NameError::Truncated));
        assert_eq!(Name::from_wire(b""), Err(NameError::Truncated));
        assert_eq!(Name::from_wire(b"\xc0\x0c"), Err(NameError::BadCharacter));
        let endless = [1, b'a'].repeat(200);
        assert_eq!(Name::from_wire(&endless), Err(NameError::TooLong));
        assert!(NameRef::from_lower_wire(b"\x01A\x00").is_err());
    }

    #[test]
    fn suffixes_run_from_the_name_to_its_top_label() {
        let name = name("a.b.example");
        let all: Vec<String> = name.as_ref().suffixes().map(|suffix| suffix.to_string()).collect();
        assert_eq!(all, ["a.b.example", "b.example", "example"]);
        assert!(name.as_ref().is_at_or_below(Name::parse("b.example").unwrap().as_ref()));
        assert!(!name.as_ref().is_at_or_below(Name::parse("xb.example").unwrap().as_ref()));
        assert_eq!(&*name.as_ref().label_starts(), &[0, 2, 4]);
    }

    #[test]
    fn service_labels_fall_back_to_their_host() {
        assert_eq!(
            name("_8443._https.x.example").as_ref().without_underscore_labels().to_string(),
            "x.example"
        );
        assert_eq!(name("_tcp").as_ref().without_underscore_labels().to_string(), "_tcp");
    }

    #[test]
    fn strange_bytes_are_escaped_for_people() {
        let name = Name::from_wire(b"\x03a.\x01\x00").unwrap();
        assert_eq!(name.to_string(), "a\\.\\001");
    }
}
