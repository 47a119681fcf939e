//! The school that is measured: every list in one `policy.toml`, and three networks on loopback.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use blocklists::compile::{Input, compile};
use blocklists::index::Index;
use blocklists::services;
use blocklists::source::{Location, Source};
use policy::{Asker, Client, Document, School, Snapshot, World};

use crate::Outcome;
use crate::lists::{self, List};

/// Networks: id, subnet, policy, an address that asks.
pub const NETWORKS: [(&str, &str, &str, Ipv4Addr); 3] = [
    ("pupils", "127.20.0.0/16", "ks2", Ipv4Addr::new(127, 20, 0, 7)),
    ("staff", "127.30.0.0/16", "staff", Ipv4Addr::new(127, 30, 0, 7)),
    ("guests", "127.90.0.0/16", "guest", Ipv4Addr::new(127, 90, 0, 7)),
];

/// Writes `policy.toml` with every list as a source; returns its path.
pub fn write_policy(folder: &Path, lists: &[List]) -> Outcome<PathBuf> {
    let mut text = String::from(
        "# Written by the benches: every real list at once.\nversion = 1\n\n\
         [[category]]\nid = \"local/mixed\"\ntitle = \"Adverts, gambling, adult and social sites in one list\"\n",
    );
    for List { id, path, category, format } in lists {
        let path = path.display();
        write!(text, "\n[[source]]\nid = \"{id}\"\nformat = \"{format}\"\npath = \"{path}\"\n")?;
        if let Some(category) = category {
            writeln!(text, "category = \"{category}\"")?;
        } else {
            let map: Vec<String> =
                lists::ut1_map().map(|(folder, category)| format!("{folder} = \"{category}\"")).collect();
            writeln!(text, "map = {{ {} }}", map.join(", "))?;
        }
    }
    for (id, subnet, policy, _) in NETWORKS {
        write!(text, "\n[[network]]\nid = \"{id}\"\nsubnets = [\"{subnet}\"]\npolicy = \"{policy}\"\n")?;
    }
    let path = folder.join("policy.toml");
    std::fs::write(&path, text)?;
    Ok(path)
}

/// Reads a policy file as the program does.
pub fn read_policy(path: &Path) -> Outcome<School> {
    let document = Document::parse(&std::fs::read_to_string(path)?)?;
    let base = path.parent().unwrap_or(Path::new("."));
    let mut read = |path: &Path| std::fs::read(base.join(path)).map_err(|error| error.to_string());
    let (school, warnings) = School::new(&document, base, &mut read)?;
    for warning in warnings {
        eprintln!("policy.toml: {warning}");
    }
    Ok(school)
}

/// The sources that are lists on this machine: all but the services catalogue.
pub fn lists(school: &School) -> impl Iterator<Item = &Source> {
    school.sources().iter().filter(|source| !services::is_catalogue(source))
}

/// Sources to compile, read where they lie instead of from kept copies.
pub fn inputs<'a>(sources: impl IntoIterator<Item = &'a Source>) -> Vec<Input> {
    let input = |source: &Source| {
        let copy = match &source.location {
            Location::Path(path) => path.clone(),
            Location::Url(_) | Location::BuiltIn(_) => PathBuf::new(),
        };
        Input { source: source.clone(), copy, copy_name: source.id.clone() }
    };
    sources.into_iter().map(input).collect()
}

/// The snapshot that a server would decide by.
pub fn snapshot(school: &School, index: Index) -> Snapshot {
    Snapshot::build(school, &World::default(), Arc::new(index))
}

/// Compiles what `policy.toml` in a folder reads, and puts the index beside it.
pub fn compile_beside(folder: &Path) -> Outcome<()> {
    let school = read_policy(&folder.join("policy.toml"))?;
    let compiled = compile(&inputs(school.sources()))?;
    // The name of an index is its checksum.
    std::fs::write(folder.join(&compiled.id).with_extension("idx"), &compiled.bytes)?;
    Ok(std::fs::write(folder.join("current"), &compiled.id)?)
}

/// The snapshot of what [`compile_beside`] left in a folder.
pub fn snapshot_beside(folder: &Path) -> Outcome<Snapshot> {
    let school = read_policy(&folder.join("policy.toml"))?;
    let current = std::fs::read_to_string(folder.join("current"))?;
    Ok(snapshot(&school, Index::load(&folder.join(current).with_extension("idx"))?))
}

/// The client behind an address.
pub fn client(snapshot: &Snapshot, address: Ipv4Addr) -> Client {
    snapshot.client(&Asker { source: IpAddr::V4(address), local: None, interface: None })
}
