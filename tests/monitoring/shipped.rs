//! The files of `image/monitoring`, read: panels, rules with other windows, names of metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

/// Where the shipped files are.
pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/image/monitoring");

/// Metrics and their labels.
pub type Families = BTreeMap<String, BTreeSet<String>>;

/// One panel of the dashboard that asks something.
pub struct Panel {
    /// Its number.
    pub id: u64,
    /// Above it.
    pub title: String,
    /// Behind its (i).
    pub description: String,
    /// Unit of its values.
    pub unit: String,
    /// Its queries as they are written.
    pub expressions: Vec<String>,
    /// The data sources that it and its queries name.
    pub sources: Vec<String>,
}

/// The text of a shipped file.
pub fn read(path: &str) -> String {
    let path = Path::new(FOLDER).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn dashboard() -> Value {
    serde_json::from_str(&read("grafana/schoolgate.json")).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Every panel but the headings of rows.
pub fn panels() -> Vec<Panel> {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row");
    let read = panels.map(|panel| {
        let targets = panel["targets"].as_array().unwrap();
        Panel {
            id: panel["id"].as_u64().unwrap(),
            title: text(&panel["title"]),
            description: text(&panel["description"]),
            unit: text(&panel["fieldConfig"]["defaults"]["unit"]),
            expressions: targets.iter().map(|target| text(&target["expr"])).collect(),
            sources: targets.iter().chain([panel]).map(|one| text(&one["datasource"]["uid"])).collect(),
        }
    });
    read.collect()
}

/// The query behind the marks of policy changes.
pub fn annotation() -> String {
    text(&dashboard()["annotations"]["list"][0]["expr"])
}

/// A query with the dashboard's variables filled in as Grafana would: all boxes, this window.
pub fn substituted(expression: &str, window: &str) -> String {
    let filled = expression
        .replace("$__rate_interval", window)
        .replace("$__interval", window)
        .replace("$instance", ".*");
    assert!(!filled.contains('$'), "an unknown variable is left in {filled}");
    filled
}

/// The text with another duration in every `[5m]`; other brackets stay.
pub fn shortened(text: &str, window: &str) -> String {
    let mut done = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        done.push_str(before);
        done.push('[');
        rest = after;
        let Some((inside, behind)) = after.split_once(']') else { continue };
        let number = inside.trim_end_matches(['s', 'm', 'h', 'd', 'w']);
        if inside.len() == number.len() + 1 && number.bytes().all(|byte| byte.is_ascii_digit()) {
            done.push_str(window);
            done.push(']');
            rest = behind;
        }
    }
    done + rest
}

/// Families of a `/metrics` page with the labels that their samples have.
pub fn families(page: &str) -> Families {
    let declared = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let mut families: Families = declared.map(|name| (name.to_owned(), BTreeSet::new())).collect();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, labels)) = line.split_once('{') else { continue };
        let parts: Vec<&str> = labels.split("=\"").collect();
        let names = parts[..parts.len() - 1].iter().filter_map(|part| part.rsplit(',').next());
        let names: Vec<String> = names.filter(|name| *name != "le").map(str::to_owned).collect();
        if let Some((_, known)) = families.iter_mut().find(|(family, _)| is_of(name, family)) {
            known.extend(names);
        }
    }
    families
}

/// Whether a series belongs to a family: itself, or a part of its histogram.
pub fn is_of(series: &str, family: &str) -> bool {
    series.strip_prefix(family).is_some_and(|end| ["", "_bucket", "_sum", "_count"].contains(&end))
}

/// The metrics that the README explains.
pub fn explained() -> Families {
    let readme = read("README.md");
    let rows = readme.lines().filter(|line| line.starts_with("| `schoolgate_"));
    let read = rows.map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        let spans =
            |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
        (spans(cells[1]).remove(0), spans(cells[2]).into_iter().collect())
    });
    read.collect()
}

/// Every exported name in a text. A recorded series (`instance:schoolgate_queries:rate5m`) is none.
pub fn metrics_named_in(text: &str) -> BTreeSet<String> {
    let starts = text.match_indices("schoolgate_").map(|(at, _)| at);
    let own = starts.filter(|at| !text[..*at].ends_with(':'));
    own.map(|at| text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect())
        .collect()
}
