//! Format `rpz`: a response policy zone, as a master file (RFC 1035 section 5, and the RPZ draft,
//! `draft-vixie-dnsop-dns-rpz`).
//!
//! The owner of a record is the trigger: a name, `*.` for all below, an address of answers or of
//! clients; its data is the action. Everything is relative to the zone's own name: the owner of the
//! SOA, else the first `$ORIGIN`, else none, as in zones whose name only the server's configuration
//! knows. Records of one owner that are data stand together as one rule.

mod address;
mod data;
mod master;
mod name;
mod trigger;

use super::rule::Action;
use super::{Actions, Bad, Line, Marks, Parser, RecordData, rtype};
use crate::name::{Name, NameError};
use data::Rdata;
use master::{Entries, Entry};
use name::Origin;
use trigger::Trigger;

/// Most records of data that one rule holds.
const DATA_MAX: usize = 64;
/// How long data lives, in seconds, where the zone does not say.
const TTL_DEFAULT: u32 = 300;

/// Reads a whole zone.
pub(super) fn read(parser: &mut Parser<'_>) {
    let mut zone = Zone { origin: Origin::unknown(), apex: None, owner: None, ttl: None, data: None };
    for entry in Entries::of(parser.file.bytes) {
        parser.line = entry.line;
        let outcome = zone.entry(parser, &entry);
        if !matches!(outcome, Ok(Said::Nothing)) {
            parser.report.lines += 1;
        }
        match outcome {
            Ok(_) => {}
            Err(Odd::Unsupported(kind)) => parser.ignore(kind),
            Err(Odd::Wrong(why)) => parser.reject(why),
            Err(Odd::Bad(bad)) => parser.count(bad),
        }
    }
    zone.flush(parser);
}

/// Whether an entry says something of a name or an address.
enum Said {
    Something,
    /// It is the zone's own affair.
    Nothing,
}

/// Why an entry gives no rule.
enum Odd {
    /// Of a known form, and ignored.
    Unsupported(&'static str),
    Wrong(&'static str),
    Bad(Bad),
}

impl From<Bad> for Odd {
    fn from(bad: Bad) -> Self {
        Self::Bad(bad)
    }
}

impl From<NameError> for Odd {
    fn from(why: NameError) -> Self {
        Self::Bad(why.into())
    }
}

/// What is known half-way through a zone.
struct Zone<'p> {
    origin: Origin,
    /// The zone's own name.
    apex: Option<Name>,
    /// The owner of the last record, for records that name none.
    owner: Option<Name>,
    /// `$TTL`, or the last one stated.
    ttl: Option<u32>,
    /// Data of one trigger that may go on.
    data: Option<Data<'p>>,
}

struct Data<'p> {
    trigger: Trigger,
    line: Line<'p>,
    records: Vec<RecordData>,
}

impl<'p> Zone<'p> {
    fn entry(&mut self, parser: &mut Parser<'p>, entry: &Entry<'p>) -> Result<Said, Odd> {
        if let Some(why) = entry.broken {
            return Err(Odd::Wrong(why));
        }
        let mut words = entry.words.as_slice();
        let owner = if entry.starts_blank {
            self.owner.clone().ok_or(Odd::Wrong("no record before it names an owner"))?
        } else {
            let (first, rest) = words.split_first().ok_or(Odd::Wrong("the record has no type"))?;
            if first.starts_with(b"$") {
                return self.directive(first, rest.first().map(|word| &**word));
            }
            words = rest;
            self.origin.name(first)?
        };
        self.owner = Some(owner.clone());
        let (ttl, rtype, rdata) = head(words)?;
        self.ttl = self.ttl.or(ttl);
        if rtype == rtype::SOA {
            if self.apex.is_none() {
                self.origin.learn(&owner);
                self.apex = Some(owner);
            }
            return Ok(Said::Nothing);
        }
        let apex = self.apex.as_ref().or(self.origin.first()).map(Name::as_ref);
        let labels =
            name::below(owner.as_ref(), apex).ok_or(Odd::Wrong("its owner is outside of the zone"))?;
        if labels.is_empty() || rtype::is_furniture(rtype) {
            return Ok(Said::Nothing);
        }
        let trigger = Trigger::of(&labels, parser.file.reach)?;
        match data::read(rtype, rdata, &self.origin, trigger.asked())? {
            Rdata::Record(rdata) => {
                let ttl = ttl.or(self.ttl).unwrap_or(TTL_DEFAULT);
                self.collect(parser, trigger, RecordData { rtype, ttl, rdata });
            }
            Rdata::Passthru if parser.file.locked => {
                return Err(Odd::Wrong("a locked category has no exceptions"));
            }
            Rdata::Passthru => take(parser, &trigger, Marks { exception: true, ..Marks::default() })?,
            Rdata::Action(action) => take(parser, &trigger, Marks { action, ..Marks::default() })?,
        }
        Ok(Said::Something)
    }

    fn directive(&mut self, word: &[u8], value: Option<&[u8]>) -> Result<Said, Odd> {
        match (word.to_ascii_uppercase().as_slice(), value) {
            (b"$ORIGIN", Some(value)) => {
                let name = self.origin.name(value)?;
                self.origin.set(name);
            }
            (b"$TTL", Some(value)) => {
                self.ttl = Some(master::ttl(value).ok_or(Odd::Wrong("this is no time to live"))?);
            }
            (b"$GENERATE", _) => return Err(Odd::Unsupported("$GENERATE")),
            (b"$INCLUDE", _) => return Err(Odd::Wrong("a list includes no other files")),
            _ => return Err(Odd::Wrong("there is no such directive")),
        }
        Ok(Said::Nothing)
    }

    /// Keeps a record of data until its trigger's others are known.
    fn collect(&mut self, parser: &mut Parser<'p>, trigger: Trigger, record: RecordData) {
        match &mut self.data {
            Some(data) if data.trigger == trigger && data.records.len() < DATA_MAX => {
                data.records.push(record);
            }
            _ => {
                self.flush(parser);
                self.data = Some(Data { trigger, line: parser.line, records: vec![record] });
            }
        }
    }

    /// Hands over the data that was kept, in the name of its first line.
    fn flush(&mut self, parser: &mut Parser<'p>) {
        let Some(Data { trigger, line, records }) = self.data.take() else { return };
        let line = std::mem::replace(&mut parser.line, line);
        let marks = Marks { action: Action::Data(&records), ..Marks::default() };
        if let Err(bad) = take(parser, &trigger, marks) {
            parser.count(bad);
        }
        parser.line = line;
    }
}

fn take(parser: &mut Parser<'_>, trigger: &Trigger, marks: Marks<'_>) -> Result<(), Bad> {
    let action = match parser.file.actions {
        Actions::Entry => marks.action,
        Actions::Policy => Action::Policy,
    };
    let marks = Marks { action, ..marks };
    match trigger {
        Trigger::Name(name, reach) => {
            parser.take_name(name.as_ref(), *reach, marks);
            Ok(())
        }
        Trigger::Answer(net) => parser.take_answer(*net, marks),
        Trigger::Client(net) => parser.take_client(*net, marks),
    }
}

/// A record behind its owner: time to live, type, data.
type Head<'w> = (Option<u32>, u16, &'w [Box<[u8]>]);

/// Time to live, type and data of a record: the first two words may be class and time to live, in
/// either order.
fn head(words: &[Box<[u8]>]) -> Result<Head<'_>, Odd> {
    let mut ttl = None;
    let mut class_seen = false;
    let mut rest = words;
    while let Some((word, tail)) = rest.split_first() {
        if !class_seen && word.eq_ignore_ascii_case(b"IN") {
            class_seen = true;
        } else if [&b"CH"[..], b"HS", b"CS"].iter().any(|class| word.eq_ignore_ascii_case(class)) {
            return Err(Odd::Wrong("it is not of class IN"));
        } else if let (None, Some(seconds)) = (ttl, master::ttl(word)) {
            ttl = Some(seconds);
        } else {
            let rtype =
                rtype::number(word).ok_or(Odd::Wrong("there is no record type where one should be"))?;
            return Ok((ttl, rtype, tail));
        }
        rest = tail;
    }
    Err(Odd::Wrong("the record has no type"))
}
