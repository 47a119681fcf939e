//! The school's own records and zones, served by hickory's `Catalog` used as a library.
//!
//! Each `[[local.zone]]` is a zone of its own. A `[[local.record]]` goes into the zone that holds its
//! name, or else makes a small zone for itself. A question goes in as bytes, the
//! answer comes out as bytes and takes the same way as an upstream's: scrubbed, then written below
//! the client's own question.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use blocklists::name::{Name, NameRef};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{LowerName, Name as ZoneName, RData, Record, RecordSet, RecordType, RrKey};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder, BinEncodable, BinEncoder};
use hickory_proto::serialize::txt::Parser;
use hickory_server::net::NetError;
use hickory_server::net::runtime::{TokioRuntimeProvider, TokioTime};
use hickory_server::net::xfer::Protocol;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, MessageResponse, ZoneType};
use thiserror::Error;
use tokio::sync::mpsc;

use crate::body::Body;
use crate::scrub::{ScrubError, Wanted, scrub};

/// TTL in seconds of a record that names none.
pub const RECORD_TTL: u32 = 300;

/// One `[[local.record]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalRecord {
    /// Its owner.
    pub name: Name,
    /// Its type as written, such as `A`.
    pub rtype: String,
    /// Its data as in a zone file.
    pub value: String,
    /// Its TTL in seconds.
    pub ttl: u32,
}

/// One `[[local.zone]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalZone {
    /// Where it was read, for messages.
    pub file: PathBuf,
    /// The zone file's text.
    pub text: String,
    /// The origin that relative names start from, where the file itself does not say.
    pub origin: Option<Name>,
}

/// Why local data cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LocalError {
    /// One record is wrong.
    #[error("local record {name} {rtype}: {why}")]
    Record {
        /// Its owner.
        name: String,
        /// Its type as written.
        rtype: String,
        /// What is wrong.
        why: String,
    },
    /// A zone file cannot be read.
    #[error("zone file {}, line {line}: {why}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// The line at which reading ended, counted from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// A zone file can be read but is no zone.
    #[error("zone file {}: {why}", file.display())]
    Zone {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
}

type Records = BTreeMap<RrKey, RecordSet>;

/// All local data, ready to answer.
#[derive(Default)]
pub struct LocalZones {
    catalog: Catalog,
    zones: Vec<Name>,
}

impl std::fmt::Debug for LocalZones {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalZones").field("zones", &self.zones).finish_non_exhaustive()
    }
}

impl LocalZones {
    /// Reads records and zones.
    ///
    /// # Errors
    /// [`LocalError`] for the first that is wrong.
    pub fn new(records: &[LocalRecord], zones: &[LocalZone]) -> Result<Self, LocalError> {
        let mut data: BTreeMap<LowerName, Records> = BTreeMap::new();
        for zone in zones {
            let (origin, records) = read_zone(zone)?;
            data.insert(origin, records);
        }
        let own = data.keys().filter_map(|origin| wire(origin).ok()).collect();
        for record in records {
            add_record(&mut data, record)?;
        }
        let mut catalog = Catalog::new();
        for (origin, records) in data {
            let name = ZoneName::from(&origin);
            let handler: InMemoryZoneHandler<TokioRuntimeProvider> =
                InMemoryZoneHandler::new(name, records, ZoneType::Primary, AxfrPolicy::Deny)
                    .map_err(|why| LocalError::Zone { file: PathBuf::from(origin.to_string()), why })?;
            catalog.upsert(origin, vec![Arc::new(handler)]);
        }
        Ok(Self { catalog, zones: own })
    }

    /// Apexes of the zones that came from files; single records are not among them.
    #[must_use]
    pub fn zones(&self) -> &[Name] {
        &self.zones
    }

    /// Answers one question.
    ///
    /// # Errors
    /// [`ScrubError`] when there is no such zone.
    pub async fn ask(&self, name: NameRef<'_>, rtype: u16) -> Result<Body, ScrubError> {
        let mut query = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        query.extend_from_slice(name.wire());
        query.extend_from_slice(&rtype.to_be_bytes());
        query.extend_from_slice(&[0, 1]);
        let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let request = Request::from_bytes(query, nobody, Protocol::Tcp).map_err(|_| ScrubError::Broken)?;
        let (replies, mut reply) = mpsc::unbounded_channel();
        self.catalog.handle_request::<_, TokioTime>(&request, Capture(replies)).await;
        let bytes = reply.try_recv().map_err(|_| ScrubError::Broken)?;
        scrub(&bytes, Wanted { name, rtype, dnssec_ok: false })
    }
}

/// Takes the bytes of a response instead of sending them.
#[derive(Clone)]
struct Capture(mpsc::UnboundedSender<Vec<u8>>);

#[async_trait::async_trait]
impl ResponseHandler for Capture {
    async fn send_response<'a>(
        &mut self,
        response: MessageResponse<
            '_,
            'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
        >,
    ) -> Result<ResponseInfo, NetError> {
        let mut bytes = Vec::with_capacity(512);
        let info = response.destructive_emit(&mut BinEncoder::new(&mut bytes))?;
        // Nobody waits any more when the client's deadline has passed.
        let _ = self.0.send(bytes);
        Ok(info)
    }
}

fn read_zone(zone: &LocalZone) -> Result<(LowerName, Records), LocalError> {
    let origin = zone.origin.as_ref().map(|origin| zone_name(origin.as_ref())).transpose();
    let origin = origin.map_err(|why| LocalError::Zone { file: zone.file.clone(), why })?;
    let parse = |text: &str| {
        Parser::new(text.to_owned(), None, origin.clone()).parse().map_err(|why| why.to_string())
    };
    let (_, records) = parse(&zone.text).map_err(|why| {
        // The parser does not count lines, but it stops at the first mistake: every beginning of the
        // file that holds the bad line fails as the whole file does, and no shorter one.
        let ends: Vec<usize> = zone.text.match_indices('\n').map(|(at, _)| at + 1).collect();
        let passes =
            |&end: &usize| zone.text.get(..end).is_some_and(|text| parse(text).err().as_ref() != Some(&why));
        let line = ends.partition_point(passes) + 1;
        LocalError::Syntax { file: zone.file.clone(), line, why }
    })?;
    let mut apexes =
        records.keys().filter(|key| key.record_type == RecordType::SOA).map(|key| key.name.clone());
    match (apexes.next(), apexes.next()) {
        (Some(apex), None) => Ok((apex, records)),
        (None, _) => {
            Err(LocalError::Zone { file: zone.file.clone(), why: "it has no SOA record".to_owned() })
        }
        _ => Err(LocalError::Zone {
            file: zone.file.clone(),
            why: "it has more than one SOA record".to_owned(),
        }),
    }
}

fn add_record(data: &mut BTreeMap<LowerName, Records>, record: &LocalRecord) -> Result<(), LocalError> {
    let wrong =
        |why: String| LocalError::Record { name: record.name.to_string(), rtype: record.rtype.clone(), why };
    let name = zone_name(record.name.as_ref()).map_err(wrong)?;
    let rtype: RecordType = record
        .rtype
        .to_ascii_uppercase()
        .parse()
        .map_err(|_| wrong("this is no record type that can be written here".to_owned()))?;
    // Unquoted text is one string, blanks and all: nobody quotes twice in a configuration file.
    let unquoted = rtype == RecordType::TXT && !record.value.starts_with('"');
    let value = match unquoted {
        true => format!("\"{}\"", record.value.replace('\\', "\\\\").replace('"', "\\\"")),
        false => record.value.clone(),
    };
    let rdata = RData::try_from_str(rtype, &value).map_err(|why| wrong(why.to_string()))?;
    rdata.to_bytes().map_err(|why| wrong(why.to_string()))?;
    let lower = LowerName::from(&name);
    let holder =
        data.keys().filter(|origin| origin.zone_of(&lower)).max_by_key(|origin| origin.num_labels()).cloned();
    let records = match holder {
        Some(origin) => data.entry(origin).or_default(),
        // A zone cannot start at an alias, so it starts one label above. Nobody is asked about the rest
        // of it: only the record's own name is local to the policy.
        None => {
            let above = name.base_name();
            let records = data.entry(LowerName::from(&above)).or_default();
            insert(records, apex(above));
            records
        }
    };
    insert(records, Record::from_rdata(name, record.ttl, rdata));
    Ok(())
}

fn insert(records: &mut Records, record: Record) {
    let key = RrKey::new(LowerName::from(&record.name), record.record_type());
    let set =
        records.entry(key).or_insert_with(|| RecordSet::new(record.name.clone(), record.record_type(), 0));
    set.insert(record, 0);
}

/// The SOA of a zone that is made for single records.
fn apex(name: ZoneName) -> Record {
    let soa = SOA::new(name.clone(), name.clone(), 1, 3600, 1200, 604_800, RECORD_TTL);
    Record::from_rdata(name, RECORD_TTL, RData::SOA(soa))
}

fn zone_name(name: NameRef<'_>) -> Result<ZoneName, String> {
    ZoneName::read(&mut BinDecoder::new(name.wire())).map_err(|why| why.to_string())
}

fn wire(name: &LowerName) -> Result<Name, String> {
    let bytes = name.to_bytes().map_err(|why| why.to_string())?;
    Name::from_wire(&bytes).map_err(|why| why.to_string())
}

#[cfg(test)]
#[path = "local_tests.rs"]
pub(crate) mod tests;
