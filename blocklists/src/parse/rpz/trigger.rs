//! Triggers: what the owner of a record speaks of.

use ipnet::IpNet;

use super::{Odd, address};
use crate::name::{Name, NameRef};
use crate::parse::Reach;

/// What a record speaks of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    /// QNAME: the name asked for.
    Name(Name, Reach),
    /// `rpz-ip`: an address in the answer.
    Answer(IpNet),
    /// `rpz-client-ip`: the address that asks.
    Client(IpNet),
}

impl Trigger {
    /// The trigger that labels relative to the zone spell, at least one; `plain` is what a name
    /// without `*` speaks of.
    pub(super) fn of(labels: &[&[u8]], plain: Reach) -> Result<Self, Odd> {
        let (last, front) = labels.split_last().ok_or(Odd::Wrong("the trigger is empty"))?;
        let bad = Odd::Wrong("the labels in front of it are no address");
        match *last {
            b"rpz-ip" => address::read(front).map(Self::Answer).ok_or(bad),
            b"rpz-client-ip" => address::read(front).map(Self::Client).ok_or(bad),
            b"rpz-nsdname" => Err(Odd::Unsupported("rpz-nsdname")),
            b"rpz-nsip" => Err(Odd::Unsupported("rpz-nsip")),
            last if last.starts_with(b"rpz-") => Err(Odd::Unsupported("rpz-trigger")),
            _ => match labels.split_first() {
                Some((&b"*", [])) => Err(Odd::Unsupported("every-name")),
                Some((&b"*", below)) => Self::name(below, Reach::Below),
                _ => Self::name(labels, plain),
            },
        }
    }

    fn name(labels: &[&[u8]], reach: Reach) -> Result<Self, Odd> {
        let mut wire = Vec::new();
        for label in labels {
            wire.push(u8::try_from(label.len()).unwrap_or(u8::MAX));
            wire.extend_from_slice(label);
        }
        wire.push(0);
        let name = Name::from_wire(&wire).map_err(|_| Odd::Wrong("the trigger is no name"))?;
        Ok(Self::Name(name, reach))
    }

    /// The one name that every question it speaks of asks for, if it is one name.
    pub(super) fn asked(&self) -> Option<NameRef<'_>> {
        match self {
            Self::Name(name, Reach::Exact | Reach::Subtree) => Some(name.as_ref()),
            Self::Name(..) | Self::Answer(_) | Self::Client(_) => None,
        }
    }
}
