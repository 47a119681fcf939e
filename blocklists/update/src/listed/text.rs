//! An entry as a line of text: marks, then what it speaks of.
//!
//! `||x` is x and all below, `|x` x alone, `|*.x` only what is below, `/…/` a regular expression,
//! `answer:` and `client:` networks. Marks stand before it, a blank behind each: `@@` takes out,
//! `important`, `cancels`, `types=1,28` or `types=~1,28`, `spares=x,y`, `how=nxdomain`.

use std::fmt::{Display, Formatter, Result};

use blocklists::name::Name;
use blocklists::parse::{Reach, Types};

use super::{About, Entry};

impl Display for Entry {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for (is_so, mark) in
            [(self.exception, "@@ "), (self.important, "important "), (self.cancels, "cancels ")]
        {
            f.write_str(if is_so { mark } else { "" })?;
        }
        match &self.types {
            Some(Types::Only(types)) => write!(f, "types={} ", numbers(types))?,
            Some(Types::But(types)) => write!(f, "types=~{} ", numbers(types))?,
            None => {}
        }
        if !self.spared.is_empty() {
            let spared: Vec<String> = self.spared.iter().map(written).collect();
            write!(f, "spares={} ", spared.join(","))?;
        }
        if !self.how.is_empty() {
            write!(f, "how={} ", self.how)?;
        }
        match &self.about {
            About::Name(name, Reach::Subtree) => write!(f, "||{}", written(name)),
            About::Name(name, Reach::Exact) => write!(f, "|{}", written(name)),
            About::Name(name, Reach::Below) => write!(f, "|*.{}", written(name)),
            About::Pattern(pattern) => write!(f, "/{pattern}/"),
            About::Answer(net) => write!(f, "answer:{net}"),
            About::Client(net) => write!(f, "client:{net}"),
        }
    }
}

fn numbers(types: &[u16]) -> String {
    types.iter().map(u16::to_string).collect::<Vec<_>>().join(",")
}

/// A host name as people write it; any other by its bytes.
fn written(name: &Name) -> String {
    let text = name.to_string();
    match Name::parse(&text) {
        Ok(read) if read == *name => text,
        _ => format!("0x{}", crate::files::hex(name.as_ref().wire())),
    }
}

fn read(text: &str) -> Option<Name> {
    let Some(hex) = text.strip_prefix("0x") else { return Name::parse(text).ok() };
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let wire: Option<Vec<u8>> = hex.as_bytes().chunks(2).map(byte).collect();
    Name::from_wire(&wire?).ok()
}

impl Entry {
    /// Reads what [`Display`] wrote; `None` when it is nothing of the kind.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut entry = Self {
            about: About::Pattern(String::new()),
            exception: false,
            important: false,
            cancels: false,
            types: None,
            spared: Vec::new(),
            how: String::new(),
        };
        let mut rest = text;
        loop {
            if let Some(about) = About::parse(rest) {
                entry.about = about?;
                return Some(entry);
            }
            let (mark, more) = rest.split_once(' ')?;
            rest = more;
            match mark.split_once('=') {
                None if mark == "@@" => entry.exception = true,
                None if mark == "important" => entry.important = true,
                None if mark == "cancels" => entry.cancels = true,
                Some(("types", types)) => entry.types = Some(types_of(types)?),
                Some(("spares", names)) => {
                    entry.spared = names.split(',').map(read).collect::<Option<_>>()?;
                }
                Some(("how", how)) => how.clone_into(&mut entry.how),
                _ => return None,
            }
        }
    }
}

impl About {
    /// `None`: a mark stands here; `Some(None)`: nothing that can be read.
    fn parse(text: &str) -> Option<Option<Self>> {
        let named = |name: &str, reach| read(name).map(|name| Self::Name(name, reach));
        Some(if let Some(name) = text.strip_prefix("||") {
            named(name, Reach::Subtree)
        } else if let Some(name) = text.strip_prefix("|*.") {
            named(name, Reach::Below)
        } else if let Some(name) = text.strip_prefix('|') {
            named(name, Reach::Exact)
        } else if let Some(pattern) = text.strip_prefix('/') {
            pattern.strip_suffix('/').map(|pattern| Self::Pattern(pattern.to_owned()))
        } else if let Some(net) = text.strip_prefix("answer:") {
            Some(Self::Answer(net.to_owned()))
        } else {
            Some(Self::Client(text.strip_prefix("client:")?.to_owned()))
        })
    }
}

fn types_of(text: &str) -> Option<Types> {
    let (but, text) = text.strip_prefix('~').map_or((false, text), |rest| (true, rest));
    let types: Option<Vec<u16>> = text.split(',').map(|number| number.parse().ok()).collect();
    types.map(|types| if but { Types::But(types) } else { Types::Only(types) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_back_as_it_was_written() {
        for text in [
            "||shop.example",
            "|www.shop.example",
            "|*.shop.example",
            "@@ ||shop.example",
            "important ||shop.example",
            "@@ important cancels |shop.example",
            "cancels |_dmarc.shop.example",
            "types=1,28 ||shop.example",
            "types=~65 spares=a.shop.example,b.shop.example how=nxdomain ||shop.example",
            "@@ /^ad[0-9]+ [a-z]$/",
            "how=1.300.c0000201 |shop.example",
            "answer:192.0.2.0/24",
            "client:2001:db8::/32",
            "||0x03612e6200",
        ] {
            assert_eq!(Entry::parse(text).unwrap().to_string(), text);
        }
        for wrong in
            ["", "shop.example", "||", "popup ||shop.example", "#0a", "@@", "@@ ", "/x", "types=x ||y.z"]
        {
            assert_eq!(Entry::parse(wrong), None, "{wrong}");
        }
    }
}
