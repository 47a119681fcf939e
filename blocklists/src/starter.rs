//! Built-in lists of our own making, so that the program filters before anyone has configured it.
//!
//! They are small and well known by design: a school sees three policies give three answers within
//! a minute, and is told to add real lists.

use std::collections::BTreeMap;

use crate::category::CategoryId;
use crate::services;
use crate::source::{Actions, Format, Location, Source, Trust};

/// Rows of `(category, file name, text)`: the file is the category with `/` written `-`.
macro_rules! files {
    ($($category:literal $file:literal),* $(,)?) => {
        [$(($category, $file, include_str!(concat!("starter/", $file)))),*]
    };
}

const FILES: [(&str, &str, &str); 40] = files![
    "illegal/csam" "illegal-csam.txt",
    "illegal/terrorism" "illegal-terrorism.txt",
    "illegal/other" "illegal-other.txt",
    "adult" "adult.txt",
    "extremism" "extremism.txt",
    "hate" "hate.txt",
    "self-harm" "self-harm.txt",
    "violence" "violence.txt",
    "bullying" "bullying.txt",
    "drugs" "drugs.txt",
    "gambling" "gambling.txt",
    "malware" "malware.txt",
    "scams" "scams.txt",
    "bypass" "bypass.txt",
    "remote-control" "remote-control.txt",
    "unsafe-search" "unsafe-search.txt",
    "social" "social.txt",
    "chat-rooms" "chat-rooms.txt",
    "messaging" "messaging.txt",
    "newsgroups" "newsgroups.txt",
    "webmail" "webmail.txt",
    "blogs-personal" "blogs-personal.txt",
    "blogs-educational" "blogs-educational.txt",
    "dating" "dating.txt",
    "games" "games.txt",
    "video" "video.txt",
    "piracy" "piracy.txt",
    "downloads" "downloads.txt",
    "shopping" "shopping.txt",
    "ads" "ads.txt",
    "tracking" "tracking.txt",
    "ai" "ai.txt",
    "misinformation" "misinformation.txt",
    "hacking" "hacking.txt",
    "shorteners" "shorteners.txt",
    "dynamic-dns" "dynamic-dns.txt",
    "new-domains" "new-domains.txt",
    "app-stores" "app-stores.txt",
    "translation" "translation.txt",
    "off-task" "off-task.txt",
];

/// The built-in lists as sources: format `domains`, trust `core`.
#[must_use]
pub fn starter_sources() -> Vec<Source> {
    FILES
        .iter()
        .filter_map(|(category, file, _)| {
            Some(Source {
                id: format!("starter-{}", file.strip_suffix(".txt")?),
                category: Some(CategoryId::new(category)?),
                format: Format::Domains,
                location: Location::BuiltIn((*file).to_owned()),
                span: None,
                trust: Trust::Core,
                map: BTreeMap::new(),
                licence: Some("MIT OR Apache-2.0".to_owned()),
                locked: false,
                actions: Actions::Entry,
            })
        })
        .collect()
}

/// The text of one built-in list, or of the services catalogue, by its file name.
#[must_use]
pub fn starter_text(file: &str) -> Option<&'static str> {
    if file == services::FILE {
        return Some(services::TABLE);
    }
    FILES.iter().find(|(_, name, _)| *name == file).map(|(_, _, text)| *text)
}
