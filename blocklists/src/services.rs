//! The services catalogue (`data/services.tsv`): what people call by one name, with the names it is
//! made of.
//!
//! It is compiled like a source, one category `service/<id>` for each row, beside whatever lists a
//! school has. A policy that does not name a service does with it what it does with the category
//! that the row gives.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use crate::category::CategoryId;
use crate::source::{Actions, Format, Location, Source, Trust};

/// The catalogue as a built-in file.
pub const FILE: &str = "services.tsv";

pub(crate) const TABLE: &str = include_str!("../data/services.tsv");

/// One row of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// `service/<id>`.
    pub id: CategoryId,
    /// What people call it.
    pub title: String,
    /// Where it stands on the page that a coordinator picks from.
    pub group: String,
    /// The category whose verb holds while a policy does not name the service.
    pub category: CategoryId,
}

/// The catalogue, in the order of the file.
#[must_use]
pub fn services() -> &'static [Service] {
    static ROWS: LazyLock<Vec<Service>> =
        LazyLock::new(|| TABLE.lines().filter_map(|line| Some(row(line)?.0)).collect());
    &ROWS
}

/// The category whose verb holds for a service that a policy does not name; `None` for what is no
/// service of the catalogue.
#[must_use]
pub fn parent(service: &CategoryId) -> Option<&'static CategoryId> {
    static PARENTS: LazyLock<HashMap<&str, &CategoryId>> =
        LazyLock::new(|| services().iter().map(|service| (service.id.as_str(), &service.category)).collect());
    PARENTS.get(service.as_str()).copied()
}

/// The catalogue as a source: trust `core`, many categories.
#[must_use]
pub fn source() -> Source {
    Source {
        id: "services".to_owned(),
        category: None,
        format: Format::Domains,
        location: Location::BuiltIn(FILE.to_owned()),
        span: None,
        trust: Trust::Core,
        map: BTreeMap::new(),
        licence: Some("MIT OR Apache-2.0".to_owned()),
        locked: false,
        actions: Actions::Entry,
    }
}

/// Whether a source is the catalogue.
#[must_use]
pub fn is_catalogue(source: &Source) -> bool {
    matches!(&source.location, Location::BuiltIn(file) if file == FILE)
}

/// A line: the service, and its names with a blank between two.
pub(crate) fn row(line: &str) -> Option<(Service, &str)> {
    let mut cells = line.split('\t');
    let id = cells.next().filter(|id| !id.starts_with('#'))?;
    let id = CategoryId::new(&format!("service/{id}"))?;
    let (title, group) = (cells.next()?.to_owned(), cells.next()?.to_owned());
    let category = CategoryId::new(cells.next()?)?;
    Some((Service { id, title, group, category }, cells.next()?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::guard;
    use crate::name::Name;
    use crate::parse::Reach;

    #[test]
    fn every_line_is_a_service_of_a_built_in_category() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
        assert_eq!(services().len(), lines.count());
        assert!(services().len() >= 150);
        let ids: BTreeSet<&CategoryId> = services().iter().map(|service| &service.id).collect();
        assert_eq!(ids.len(), services().len(), "an id stands twice");
        for service in services() {
            assert!(service.category.is_built_in() && !service.category.is_locked(), "{service:?}");
            assert!(!service.title.is_empty() && !service.group.is_empty(), "{service:?}");
        }
    }

    #[test]
    fn no_name_of_a_service_is_one_that_the_guard_drops() {
        let adult = CategoryId::new("adult").unwrap();
        for (service, names) in TABLE.lines().filter_map(row) {
            for name in names.split(' ') {
                let parsed = Name::parse(name).unwrap();
                let slip = guard::slip(parsed.as_ref(), Reach::Subtree, &adult);
                assert_eq!(slip, None, "{} {name}", service.id);
            }
        }
    }

    #[test]
    fn a_service_knows_its_category() {
        let id = |text| CategoryId::new(text).unwrap();
        assert_eq!(parent(&id("service/tiktok")), Some(&id("social")));
        assert_eq!(parent(&id("service/nobody-knows")), None);
        assert_eq!(parent(&id("tiktok")), None);
    }
}
