//! Every bound of the data plane in one place, each a row of the limits that the product promises.
//!
//! A bound that is not here is a bound that nobody can find, test or argue about. The transports
//! and the upstream side keep theirs beside their code.

use std::time::Duration;

/// UDP size that we announce in EDNS (limits: "UDP size both ways").
pub const UDP_SIZE: u16 = 1232;
/// Largest UDP reply, whatever the client says it can take: the same, the other way.
pub const UDP_REPLY_MAX: usize = UDP_SIZE as usize;
/// Largest UDP reply without EDNS, and the floor of what EDNS can ask for (RFC 6891 section 6.2.3).
pub const UDP_REPLY_PLAIN: usize = 512;
/// Largest message on a stream: its length field has 16 bits (RFC 1035 section 4.2.2).
pub const STREAM_REPLY_MAX: usize = 65_535;
/// Most EDNS options in one query (limits: "EDNS options").
pub const EDNS_OPTIONS_MAX: usize = 100;

/// A client has its answer by now, or SERVFAIL with EDE 22 (limits: "client's answer"). The
/// upstream work goes on behind it and fills the cache.
pub const CLIENT_DEADLINE: Duration = Duration::from_secs(4);

/// A client whose answer has an old form in the cache gets that when upstreams have said nothing
/// for so long (RFC 8767 section 5, client response timer).
pub const STALE_AFTER: Duration = Duration::from_millis(1800);
/// TTL of records that are past their time (RFC 8767 section 4).
pub const STALE_TTL: u32 = 30;
/// How long an answer may stand in behind the end of its time where nothing is configured.
pub const STALE_DEFAULT: Duration = Duration::from_secs(86_400);
/// An answer that is asked for in the last tenth of its life is renewed before that ends.
pub const RENEW_IN_LAST: u32 = 10;
/// Most answers that wait to be renewed; further ones are renewed when their time is over.
pub const RENEWALS_MAX: usize = 1024;

/// Most CNAMEs followed in one answer (limits: "CNAME chain").
pub const CHAIN_MAX: usize = 11;
/// Most records of one RRset; an answer with more is refused (limits: "records per RRset").
pub const RRSET_RECORDS_MAX: usize = 256;
/// Most signatures kept over one RRset (limits: "RRSIGs per RRset").
pub const RRSET_SIGNATURES_MAX: usize = 8;
/// Most records kept of an authority section: an SOA, three NSEC3 of a denial, their signatures.
pub const AUTHORITY_RECORDS_MAX: usize = 16;

/// TTLs of what upstreams say are kept between this (limits: "TTL kept", positive)...
pub const TTL_MIN: u32 = 1;
/// ...and this.
pub const TTL_MAX: u32 = 86_400;
/// Longest that a "there is no such name or record" is kept (limits: "TTL kept", negative).
pub const NEGATIVE_TTL_MAX: u32 = 3_600;
/// TTL of a safe-search CNAME (design section 6).
pub const REWRITE_TTL_MAX: u32 = 300;
/// TTL of answers that say "nothing here" because we took everything out of them.
pub const EMPTIED_TTL: u32 = 30;

/// How long a failure is kept the first time (RFC 9520 section 3.2)...
pub const FAILURE_FIRST: Duration = Duration::from_secs(1);
/// ...doubling up to this while it goes on failing.
pub const FAILURE_MAX: Duration = Duration::from_secs(60);
