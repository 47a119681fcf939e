//! A school on a stage: a policy document, lists as lines, facts of the machine; and a short way to
//! ask.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use blocklists::compile::{Input, compile};
use blocklists::index::Index;
use blocklists::name::Name;
use policy::{
    Asker, BlockStyle, Client, Decision, Document, Question, School, Snapshot, Target, Verdict, World,
};

/// One list: category, trust, format, lines in that form.
pub struct List {
    pub category: String,
    pub trust: &'static str,
    pub format: &'static str,
    pub lines: Vec<String>,
}

pub fn list(category: &str, lines: &[&str]) -> List {
    List {
        category: category.to_owned(),
        trust: "core",
        format: "adblock",
        lines: lines.iter().map(|&line| line.to_owned()).collect(),
    }
}

pub fn name(text: &str) -> Name {
    if text == "." { Name::root() } else { Name::parse(text).unwrap() }
}

/// Builds a school whose sources are the lists. Approved lists read `files`.
pub fn school(toml: &str, lists: &[List], files: &[(&str, &str)]) -> (School, Vec<String>) {
    let mut text = format!("version = 1\n{toml}\n");
    for (number, list) in lists.iter().enumerate() {
        text += &format!(
            "[[source]]\nid = \"list{number}\"\ncategory = \"{}\"\nformat = \"{}\"\npath = \"{number}.txt\"\ntrust = \"{}\"\n",
            list.category, list.format, list.trust
        );
    }
    let document = Document::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut read = |path: &Path| {
        let file = files.iter().find(|(known, _)| Path::new(known) == path);
        file.map(|(_, text)| text.as_bytes().to_vec()).ok_or_else(|| "no such file".to_owned())
    };
    School::new(&document, Path::new(""), &mut read).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Compiles the lists.
pub fn index(school: &School, lists: &[List]) -> Arc<Index> {
    if lists.is_empty() {
        return Arc::new(Index::empty());
    }
    let folder = tempfile::tempdir().unwrap();
    let inputs: Vec<Input> = school
        .sources()
        .iter()
        .zip(lists)
        .map(|(source, list)| {
            let copy = folder.path().join(&source.id);
            std::fs::write(&copy, list.lines.join("\n") + "\n").unwrap();
            Input { source: source.clone(), copy, copy_name: source.id.clone() }
        })
        .collect();
    Arc::new(Index::from_bytes(&compile(&inputs).unwrap().bytes).unwrap())
}

/// The usual network: 10.0.0.0/8 under policy `p`.
pub const NETWORK: &str = "[[network]]\nid = \"n\"\nsubnets = [\"10.0.0.0/8\"]\npolicy = \"p\"\n";

/// A snapshot of a school with [`NETWORK`].
pub fn snapshot(toml: &str, lists: &[List], files: &[(&str, &str)], world: &World) -> Snapshot {
    let (school, _) = school(&format!("{toml}\n{NETWORK}"), lists, files);
    Snapshot::build(&school, world, index(&school, lists))
}

pub fn client(snapshot: &Snapshot, source: &str) -> Client {
    let source: IpAddr = source.parse().unwrap();
    snapshot.client(&Asker { source, local: None, interface: None })
}

pub fn decide(snapshot: &Snapshot, source: &str, asked: &str) -> Decision {
    let asked = name(asked);
    snapshot.decide(&client(snapshot, source), &Question { name: asked.as_ref(), rtype: 1 })
}

/// `block nxdomain category gambling`, `rewrite restrict.youtube.com safe-search`, `allow default`.
pub fn told(snapshot: &Snapshot, decision: &Decision) -> String {
    let verdict = match decision.verdict {
        Verdict::Allow => "allow".to_owned(),
        Verdict::Watch => "watch".to_owned(),
        Verdict::Local => "local".to_owned(),
        Verdict::Loopback => "loopback".to_owned(),
        Verdict::Refuse => "refuse".to_owned(),
        Verdict::Block(BlockStyle::NoData) => "block nodata".to_owned(),
        Verdict::Block(style) => format!("block {style:?}").to_lowercase(),
        Verdict::Rewrite(Target::Cname(number)) => format!("rewrite {}", snapshot.target(number)),
        Verdict::Rewrite(Target::Address(address)) => format!("rewrite {address}"),
    };
    let category = decision.reason.category.and_then(|number| snapshot.category(number));
    let category = category.map_or_else(String::new, |category| format!(" {category}"));
    format!("{verdict} {}{category}", decision.reason.id.as_str())
}

/// Asks as a client of [`NETWORK`].
pub fn ask(snapshot: &Snapshot, asked: &str) -> String {
    told(snapshot, &decide(snapshot, "10.1.1.1", asked))
}
