//! A server of a group as the configuration writes it: where it is, and whether it filters.
//!
//! Many schools' providers run a resolver that filters illegal content, and count on its being asked.
//! When it fails, a server that does not filter would answer what it would not have: so a group that
//! begins with a filtering server never goes on to one of another class (design section 5, step 14). For the
//! same reason one that begins with an encrypted server never goes on to a plain one.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::address::ServerAddress;

/// What a server does besides resolving.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Nothing: it answers whatever there is.
    #[default]
    Unfiltered,
    /// It filters, and the school counts on it.
    Filtering,
}

/// One server of a group: `"udp://192.0.2.1"`, or `{ address = "udp://192.0.2.1", class = "filtering" }`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Server {
    /// How it is reached.
    pub address: ServerAddress,
    /// Its class; that of its group when it has none of its own.
    pub class: Option<Class>,
}

impl Server {
    /// With the class of its group, unless it has its own.
    #[must_use]
    pub fn or(self, group: Class) -> Self {
        Self { class: self.class.or(Some(group)), ..self }
    }

    /// Whether the school counts on its filter.
    #[must_use]
    pub fn filters(&self) -> bool {
        self.class == Some(Class::Filtering)
    }
}

impl From<ServerAddress> for Server {
    fn from(address: ServerAddress) -> Self {
        Self { address, class: None }
    }
}

/// The servers of a group that may be asked, in their order: after a filtering one, only filtering
/// ones; after an encrypted one, only encrypted ones. Whoever can keep us from reaching a server must
/// not thereby choose a lesser one for us.
#[must_use]
pub fn askable(servers: &[Server]) -> Vec<&Server> {
    servers.iter().filter(|server| lack(servers, server).is_none()).collect()
}

/// What a server lacks that the first of its group has.
fn lack(servers: &[Server], server: &Server) -> Option<&'static str> {
    let first = servers.first()?;
    if first.filters() && !server.filters() {
        Some("does not filter")
    } else if first.address.carrier.is_encrypted() && !server.address.carrier.is_encrypted() {
        Some("is not encrypted")
    } else {
        None
    }
}

/// What a group's order means that its author may not have meant: one sentence for each surprise.
#[must_use]
pub fn surprises(servers: &[Server]) -> Vec<String> {
    let Some(first) = servers.first() else { return Vec::new() };
    let mut said: Vec<String> = servers
        .iter()
        .filter_map(|server| Some((server, lack(servers, server)?)))
        .map(|(server, lack)| {
            let way_out = if lack == "does not filter" {
                "give it class = \"filtering\" if it filters too"
            } else {
                "write it with tls://, https:// or quic://"
            };
            format!(
                "upstream server {} is never asked: it {lack}, and {} before it does. Take it out, or {way_out}",
                server.address, first.address
            )
        })
        .collect();
    let late = servers.iter().find(|server| server.filters() && !first.filters());
    said.extend(late.map(|server| {
        format!(
            "upstream server {} filters, but is only asked when {} fails: write the filtering one first",
            server.address, first.address
        )
    }));
    said
}

impl<'de> Deserialize<'de> for Server {
    /// By hand, because an untagged enum would hide what is wrong with an address.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            address: ServerAddress,
            class: Option<Class>,
        }

        struct TextOrTable;

        impl<'de> Visitor<'de> for TextOrTable {
            type Value = Server;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a server such as \"udp://192.0.2.1\", or a table with its address and class")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Server, E> {
                text.parse::<ServerAddress>().map(Server::from).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Server, A::Error> {
                let Table { address, class } = Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Server { address, class })
            }
        }

        deserializer.deserialize_any(TextOrTable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Written {
        servers: Vec<Server>,
    }

    fn servers(list: &str) -> Result<Vec<Server>, toml::de::Error> {
        toml::from_str::<Written>(&format!("servers = [{list}]")).map(|written| written.servers)
    }

    fn asked(list: &str, group: Class) -> Vec<String> {
        let servers: Vec<Server> =
            servers(list).unwrap().into_iter().map(|server| server.or(group)).collect();
        askable(&servers).iter().map(|server| server.address.to_string()).collect()
    }

    const FILTERING: &str = "{ address = \"udp://192.0.2.1\", class = \"filtering\" }";
    const OTHER: &str = "{ address = \"udp://192.0.2.2\", class = \"unfiltered\" }";
    const PLAIN: &str = "\"udp://192.0.2.3\"";

    #[test]
    fn after_a_filtering_server_only_filtering_ones_are_asked() {
        for (list, group, expected) in [
            (format!("{PLAIN}, {OTHER}"), Class::Unfiltered, "3 2"),
            (format!("{FILTERING}, {PLAIN}, {OTHER}"), Class::Unfiltered, "1"),
            (format!("{FILTERING}, {PLAIN}, {OTHER}"), Class::Filtering, "1 3"),
            (format!("{PLAIN}, {FILTERING}"), Class::Unfiltered, "3 1"),
            (String::new(), Class::Filtering, ""),
            (
                "\"tls://192.0.2.4\", \"udp://192.0.2.5\", \"quic://192.0.2.6\"".to_owned(),
                Class::Unfiltered,
                "4 6",
            ),
            ("\"udp://192.0.2.5\", \"tls://192.0.2.4\"".to_owned(), Class::Unfiltered, "5 4"),
        ] {
            let last: Vec<String> = asked(&list, group).iter().map(|s| s[s.len() - 1..].to_owned()).collect();
            assert_eq!(last.join(" "), expected, "{list} in a group that is {group:?}");
        }
    }

    #[test]
    fn an_order_that_surprises_is_said() {
        let said = |list: &str| surprises(&servers(list).unwrap()).join("\n");
        assert!(
            said(&format!("{FILTERING}, {PLAIN}"))
                .starts_with("upstream server udp://192.0.2.3 is never asked")
        );
        assert!(
            said("\"tls://192.0.2.4\", \"udp://192.0.2.5\"")
                .starts_with("upstream server udp://192.0.2.5 is never asked: it is not encrypted")
        );
        assert!(said(&format!("{PLAIN}, {FILTERING}")).contains("192.0.2.1 filters, but is only asked when"));
        assert_eq!(said(&format!("{PLAIN}, {OTHER}")) + &said(FILTERING) + &said(""), "");
    }

    #[test]
    fn mistakes_are_named() {
        for (list, wrong) in [
            ("\"192.0.2.1\"", "needs a scheme"),
            ("{ address = \"192.0.2.1\" }", "needs a scheme"),
            ("{ address = \"udp://192.0.2.1\", class = \"strict\" }", "strict"),
            ("{ address = \"udp://192.0.2.1\", clas = \"filtering\" }", "clas"),
            ("{ class = \"filtering\" }", "address"),
            ("7", "a table with its address and class"),
        ] {
            let error = servers(list).unwrap_err().to_string();
            assert!(error.contains(wrong), "{list}: {error}");
        }
    }
}
