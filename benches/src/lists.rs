//! The folder of real lists: what its `INDEX.tsv` says, and the names in `queries/`.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use blocklists::name::Name;

use crate::Outcome;

/// One list as a `[[source]]` of the policy file.
#[derive(Debug, Clone)]
pub struct List {
    /// Source id, made of the path.
    pub id: String,
    /// Where it is.
    pub path: PathBuf,
    /// Our category; `None` for the UT1 archive, whose folders say it.
    pub category: Option<String>,
    /// One of the program's words.
    pub format: &'static str,
}

/// Which folders of the UT1 archive feed which category, written into the policy in full so that the
/// naive matcher needs no table of the product's. Folders that are no block lists are left out.
const UT1_FOLDERS: [(&str, &str); 28] = [
    ("ads", "marketingware publicite"),
    ("adult", "lingerie mixed_adult"),
    ("ai", "ai"),
    ("blogs-personal", "blog"),
    ("bypass", "doh redirector residential-proxies vpn"),
    ("chat-rooms", "chat"),
    ("dating", "dating"),
    ("downloads", "download filehosting"),
    ("drugs", "drogue"),
    ("dynamic-dns", "dynamic-dns"),
    ("extremism", "sect"),
    ("gambling", "arjel gambling"),
    ("games", "games"),
    ("hacking", "hacking tricheur"),
    ("hate", "agressif"),
    ("malware", "cryptojacking ddos dialer malware phishing stalkerware"),
    ("misinformation", "fakenews"),
    ("newsgroups", "forums"),
    (
        "off-task",
        "associations_religieuses astrology bank bitcoin celebrity cooking financial jobsearch manga mobile-phone press sports",
    ),
    ("piracy", "warez"),
    ("remote-control", "remote-control"),
    ("shopping", "shopping"),
    ("shorteners", "shortener"),
    ("social", "social_networks"),
    ("translation", "translation"),
    ("video", "audio-video radio"),
    ("violence", "dangerous_material"),
    ("webmail", "webmail"),
];
/// UT1's folders of good sites, of exceptions and of hosts that hold good and bad.
const UT1_LEFT_OUT: &str = "child cleaning educational_games examen_pix exceptions_liste_bu liste_blanche liste_bu reaffected sexual_education special strict_redirector strong_redirector tricheur_pix update webhosting";

/// The map of the UT1 source: folder, category.
pub fn ut1_map() -> impl Iterator<Item = (&'static str, &'static str)> {
    let mapped = UT1_FOLDERS
        .into_iter()
        .flat_map(|(category, folders)| folders.split(' ').map(move |folder| (folder, category)));
    mapped.chain(UT1_LEFT_OUT.split(' ').map(|folder| (folder, "none")))
}

/// Every list that holds names, in the order of the index; the UT1
/// archive, which has a row for each of its folders, once.
pub fn read(folder: &Path) -> Outcome<Vec<List>> {
    let index = std::fs::read_to_string(folder.join("INDEX.tsv"))?;
    let mut seen = BTreeSet::new();
    let mut lists = Vec::new();
    for row in index.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [file, category, format, ..] = columns.as_slice() else {
            continue;
        };
        let names = columns.get(9).copied().unwrap_or_default();
        let (Some(format), false) = (our_format(file, category, format, names), *category == "allow") else {
            continue;
        };
        let file = file.split(':').next().unwrap_or(file);
        if !seen.insert(file.to_owned()) {
            continue;
        }
        let path = folder.join(file);
        if !path.exists() {
            return Err(format!("INDEX.tsv names {}, which is not there", path.display()).into());
        }
        let category = (format != "ut1").then(|| our_category(category, file));
        lists.push(List { id: id_of(file), path, category, format });
    }
    if lists.is_empty() {
        return Err("INDEX.tsv holds no list of a known format".into());
    }
    Ok(lists)
}

/// Our word for a format that `INDEX.tsv` describes in words of its own; `None` for files
/// that hold no names (addresses only).
fn our_format(file: &str, category: &str, format: &str, names: &str) -> Option<&'static str> {
    let only_addresses = category == "doh" && names.is_empty();
    match format.split([' ', ',', ':', ';']).next()? {
        _ if only_addresses => None,
        "domains" | "wildcard" | "maltrail" => Some("domains"),
        "hosts" => Some("hosts"),
        "adblock" => Some("adblock"),
        "ut1" => Some("ut1"),
        "rpz" => Some("rpz"),
        "dnsmasq" => Some("dnsmasq"),
        other => {
            if other != "PSL" {
                eprintln!("benches: {file} has the unknown format `{format}` and is left out");
            }
            None
        }
    }
}

/// Our category for one of the index's.
fn our_category(theirs: &str, file: &str) -> String {
    let ours = match theirs {
        "proxy-vpn" | "proxy-vpn-doh" | "doh" => "bypass",
        "trackers" => "tracking",
        "porn" => "adult",
        "scam" | "typosquat" => "scams",
        "chat" => "chat-rooms",
        "shortener" => "shorteners",
        "crypto" => "off-task",
        "tld" => "new-domains",
        "ads+gambling+porn+social" => "local/mixed",
        "services" => return format!("service/{}", file.rsplit('/').next().unwrap_or(file)),
        same => same,
    };
    ours.to_owned()
}

/// `lists/domains/hagezi/x.txt.zst` is `domains-hagezi-x`.
fn id_of(file: &str) -> String {
    let file = file.strip_prefix("lists/").unwrap_or(file);
    let ends = [".zst", ".tar", ".txt", ".hosts"];
    let file = ends.iter().fold(file, |file, end| file.strip_suffix(end).unwrap_or(file));
    let id: String =
        file.chars().map(|symbol| if symbol.is_ascii_alphanumeric() { symbol } else { '-' }).collect();
    id.to_ascii_lowercase()
}

/// Names that are on some list.
pub fn hits(folder: &Path) -> Outcome<Vec<Name>> {
    names(&folder.join("queries/hit.tsv.zst"))
}

/// Names that are on none.
pub fn misses(folder: &Path) -> Outcome<Vec<Name>> {
    names(&folder.join("queries/miss.txt.zst"))
}

/// The first names of the composed stream of questions, in its order.
pub fn stream(folder: &Path, most: usize) -> Outcome<Vec<Name>> {
    let path = folder.join("queries/stream-1m.txt.zst");
    let file = std::fs::File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lines = std::io::BufRead::lines(std::io::BufReader::new(zstd::Decoder::new(file)?));
    let mut stream = Vec::new();
    for line in lines.take(most) {
        stream.extend(line?.split(' ').next().and_then(|name| Name::parse(name).ok()));
    }
    Ok(stream)
}

/// The first column of a packed file, as far as it is names.
fn names(path: &Path) -> Outcome<Vec<Name>> {
    let file = std::fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut text = String::new();
    zstd::Decoder::new(file)?.read_to_string(&mut text)?;
    Ok(text.lines().filter_map(|line| Name::parse(line.split('\t').next()?).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_rows_find_their_place() {
        let place = |category: &str, file: &str| our_category(category, file);
        assert_eq!(place("proxy-vpn-doh", "x"), "bypass");
        assert_eq!(place("services", "lists/services/nextdns/services/tiktok"), "service/tiktok");
        assert_eq!(place("gambling", "x"), "gambling");
        assert_eq!(our_format("x", "ads", "wildcard *.x", "5"), Some("domains"));
        assert_eq!(our_format("x", "ads", "hosts, up to 9 names a line", "5"), Some("hosts"));
        assert_eq!(our_format("x", "doh", "domains / IP # comment", ""), None);
        assert_eq!(our_format("x", "ads", "dnsmasq; BOM", "5"), Some("dnsmasq"));
        assert_eq!(our_format("x", "psl", "PSL", ""), None);
        assert_eq!(id_of("lists/domains/hagezi/nsfw-onlydomains.txt.zst"), "domains-hagezi-nsfw-onlydomains");
    }
}
