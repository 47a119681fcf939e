//! Names and records written by hand: the least that an upstream and a pupil need to put on the wire.
//!
//! It shares no code with the product on purpose, and it can also write what a correct library
//! refuses to write.

/// Record types by the names that people use.
const TYPES: [(&str, u16); 20] = [
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("SOA", 6),
    ("PTR", 12),
    ("HINFO", 13),
    ("MX", 15),
    ("TXT", 16),
    ("AAAA", 28),
    ("SRV", 33),
    ("DNAME", 39),
    ("OPT", 41),
    ("DS", 43),
    ("SVCB", 64),
    ("HTTPS", 65),
    ("TSIG", 250),
    ("IXFR", 251),
    ("AXFR", 252),
    ("MAILB", 253),
    ("ANY", 255),
];

/// The number of a record type.
pub fn type_number(name: &str) -> u16 {
    TYPES.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no record type {name} here")).1
}

/// The wire form of a name, letters kept as they are written.
pub fn wire_name(text: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        wire.push(u8::try_from(label.len()).unwrap());
        wire.extend_from_slice(label.as_bytes());
    }
    wire.push(0);
    wire
}

/// Reads an uncompressed name at `at`, lower-cased, and says where it ends.
pub fn read_name(packet: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*packet.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        labels.push(String::from_utf8_lossy(packet.get(at..at + length)?).to_lowercase());
        at += length;
    }
}

/// Record data from its text, for the types that the stories use.
pub fn record_data(rtype: u16, text: &str) -> Vec<u8> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |word: &str| word.parse::<u16>().unwrap().to_be_bytes();
    match rtype {
        1 => text.parse::<std::net::Ipv4Addr>().unwrap().octets().to_vec(),
        28 => text.parse::<std::net::Ipv6Addr>().unwrap().octets().to_vec(),
        2 | 5 | 12 | 39 => wire_name(text),
        15 => [&number(words[0])[..], &wire_name(words[1])].concat(),
        16 => [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat(),
        33 => [&number(words[0])[..], &number(words[1]), &number(words[2]), &wire_name(words[3])].concat(),
        43 => vec![0x30, 0x39, 13, 2, 0xab, 0xcd],
        64 | 65 => {
            let mut data = number(words[0]).to_vec();
            data.extend(wire_name(words[1]));
            words[2..].iter().for_each(|parameter| service_parameter(parameter, &mut data));
            data
        }
        other => panic!("the stories have no text form for type {other}"),
    }
}

/// Keys of service parameters (RFC 9460 section 14.3.2).
const SERVICE_KEYS: [&str; 7] =
    ["mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint"];

fn service_key(name: &str) -> u16 {
    u16::try_from(SERVICE_KEYS.iter().position(|key| *key == name).unwrap()).unwrap()
}

/// One `key=value` of HTTPS or SVCB; several values are separated by commas.
fn service_parameter(text: &str, data: &mut Vec<u8>) {
    let (name, value) = text.split_once('=').unwrap();
    let values = value.split(',');
    let bytes: Vec<u8> = match name {
        "mandatory" => values.flat_map(|key| service_key(key).to_be_bytes()).collect(),
        "alpn" => {
            values.flat_map(|id| [&[u8::try_from(id.len()).unwrap()], id.as_bytes()].concat()).collect()
        }
        "port" => value.parse::<u16>().unwrap().to_be_bytes().to_vec(),
        "ipv4hint" => values.flat_map(|hint| record_data(1, hint)).collect(),
        "ipv6hint" => values.flat_map(|hint| record_data(28, hint)).collect(),
        _ => value.as_bytes().to_vec(),
    };
    data.extend(service_key(name).to_be_bytes());
    data.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
    data.extend(bytes);
}

/// One whole resource record.
pub fn record(owner: &str, rtype: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut wire = wire_name(owner);
    wire.extend(rtype.to_be_bytes());
    wire.extend(1_u16.to_be_bytes());
    wire.extend(ttl.to_be_bytes());
    wire.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    wire.extend(data);
    wire
}

/// The SOA that an upstream puts beside "no such name" and "no such record".
pub fn start_of_authority(owner: &str) -> Vec<u8> {
    let mut data = [wire_name("ns.upstream.example"), wire_name("hostmaster.upstream.example")].concat();
    for number in [1_u32, 7200, 900, 86400, 900] {
        data.extend(number.to_be_bytes());
    }
    record(owner, 6, 900, &data)
}
