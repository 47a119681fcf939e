//! Format `ut1`: folders of the University of Toulouse, each with a file `domains`.
//!
//! A folder's name says what it holds; a built-in map leads to our categories, a source's own map
//! goes before it. Some folders are no block lists at all (cleaning tools, children's sites): they
//! are left out on purpose. A folder that no one knows is reported, so that nobody believes it
//! blocks. Files `urls` and `expressions` are counted: DNS cannot enforce them.

use super::lines;
use crate::category::CategoryId;
use crate::report::SourceReport;
use crate::source::Source;

/// Most unknown folders reported.
const UNMAPPED_MAX: usize = 200;

/// What the names of packed files end in.
const PACKED: [&str; 4] = [".gz", ".zst", ".xz", ".txt"];

/// A source's map leads here to leave a folder out.
pub const NONE: &str = "none";

/// Built-in map: folder, category.
const MAP: &[(&str, &str)] = &[
    ("adult", "adult"),
    ("agressif", "hate"),
    ("ai", "ai"),
    ("arjel", "gambling"),
    ("associations_religieuses", "off-task"),
    ("astrology", "off-task"),
    ("audio-video", "video"),
    ("bank", "off-task"),
    ("bitcoin", "off-task"),
    ("blog", "blogs-personal"),
    ("celebrity", "off-task"),
    ("chat", "chat-rooms"),
    ("cooking", "off-task"),
    ("cryptojacking", "malware"),
    ("dangerous_material", "violence"),
    ("dating", "dating"),
    ("ddos", "malware"),
    ("dialer", "malware"),
    ("doh", "bypass"),
    ("download", "downloads"),
    ("drogue", "drugs"),
    ("dynamic-dns", "dynamic-dns"),
    ("fakenews", "misinformation"),
    ("filehosting", "downloads"),
    ("financial", "off-task"),
    ("forums", "newsgroups"),
    ("gambling", "gambling"),
    ("games", "games"),
    ("hacking", "hacking"),
    ("jobsearch", "off-task"),
    ("lingerie", "adult"),
    ("malware", "malware"),
    ("manga", "off-task"),
    ("marketingware", "ads"),
    ("mixed_adult", "adult"),
    ("mobile-phone", "off-task"),
    ("phishing", "malware"),
    ("press", "off-task"),
    ("publicite", "ads"),
    ("radio", "video"),
    ("redirector", "bypass"),
    ("remote-control", "remote-control"),
    ("residential-proxies", "bypass"),
    ("sect", "extremism"),
    ("shopping", "shopping"),
    ("shortener", "shorteners"),
    ("social_networks", "social"),
    ("sports", "off-task"),
    ("stalkerware", "malware"),
    ("translation", "translation"),
    ("tricheur", "hacking"),
    ("vpn", "bypass"),
    ("warez", "piracy"),
    ("webmail", "webmail"),
];

/// Folders that are no block lists, or that their authors or our measurements say not to use:
/// `strict_` and `strong_redirector` add search engines to `redirector`.
pub const NOT_BLOCK_LISTS: [&str; 15] = [
    "child",
    "cleaning",
    "educational_games",
    "examen_pix",
    "exceptions_liste_bu",
    "liste_blanche",
    "liste_bu",
    "reaffected",
    "sexual_education",
    "special",
    "strict_redirector",
    "strong_redirector",
    "tricheur_pix",
    "update",
    "webhosting",
];

/// What the file of this name inside a source feeds; `None` when it holds no names to block.
pub(super) fn category_of(
    source: &Source,
    name: &str,
    bytes: &[u8],
    report: &mut SourceReport,
) -> Option<CategoryId> {
    let mut parts = name.rsplit('/');
    let (file, folder) = (parts.next()?, parts.next()?);
    let category = match source.map.get(folder) {
        Some(category) => Some(category.clone()).filter(|category| category.as_str() != NONE),
        None => MAP.iter().find(|(known, _)| *known == folder).and_then(|(_, id)| CategoryId::new(id)),
    };
    // `domains.gz` was unpacked on the way, its name stays.
    let file = PACKED.iter().find_map(|end| file.strip_suffix(end)).unwrap_or(file);
    match file {
        "domains" => {
            let known =
                category.is_some() || NOT_BLOCK_LISTS.contains(&folder) || source.map.contains_key(folder);
            if !known
                && report.unmapped.len() < UNMAPPED_MAX
                && !report.unmapped.iter().any(|unmapped| unmapped == folder)
            {
                report.unmapped.push(folder.to_owned());
            }
            category
        }
        "urls" | "expressions" | "very_restrictive_expression" if category.is_some() => {
            let count = lines(bytes).filter(|line| !line.text.is_empty()).count() as u64;
            report.lines += count;
            report.not_enforceable += count;
            None
        }
        _ => None,
    }
}

/// The categories that the built-in map leads to, so that a document may name them.
#[must_use]
pub fn mapped_categories() -> Vec<CategoryId> {
    let mut all: Vec<_> = MAP.iter().filter_map(|(_, id)| CategoryId::new(id)).collect();
    all.sort();
    all.dedup();
    all
}
