//! How an entry wants its block answered, as the index keeps it.

use serde::{Deserialize, Serialize};

use crate::name::{Name, NameRef};

/// Record type of aliases (RFC 1035 section 3.2.2).
const CNAME: u16 = 5;

/// One way of answering. What the client's policy says about *whether* a name is blocked is not
/// touched by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stored {
    /// As the policy answers blocks.
    Policy,
    /// NXDOMAIN.
    NxDomain,
    /// NODATA.
    NoData,
    /// No answer at all.
    Drop,
    /// Truncated over UDP; over TCP the entry does not speak.
    TcpOnly,
    /// These records.
    Data(Vec<Record>),
}

/// One record that an entry gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its type.
    pub rtype: u16,
    /// Seconds that it lives.
    pub ttl: u32,
    /// Its data in wire form, names lower-case and uncompressed.
    pub rdata: Vec<u8>,
}

impl Stored {
    /// Where the entry sends the name, if it gives an alias: for `*.x`, the asked name in front of x.
    #[must_use]
    pub fn alias(&self, asked: NameRef<'_>) -> Option<Name> {
        let Self::Data(records) = self else { return None };
        let target = &records.iter().find(|record| record.rtype == CNAME)?.rdata;
        match target.strip_prefix(b"\x01*") {
            None => Name::from_wire(target).ok(),
            Some(rest) => {
                let labels = asked.wire().split_last().map_or(&[][..], |(_, labels)| labels);
                Name::from_wire(&[labels, rest].concat()).ok()
            }
        }
    }
}
