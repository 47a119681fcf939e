//! From the document to the school: sources, categories, lists, then policies and identities, each
//! only able to name what came before.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use blocklists::category::{BUILT_IN, CATEGORIES_MAX, CategoryId};
use blocklists::masked::masked;
use blocklists::must_open::must_open;
use blocklists::name::Name;
use blocklists::parse::ut1;
use blocklists::services;
use blocklists::source::{Format, Location, Source, Span};
use blocklists::starter::starter_sources;

use super::corrections;
use super::identities::{self, Numbers, number, numbered};
use super::resolve::{self, Resolved};
use super::{Approved, Declared, School, is_public_suffix, upkeep};
use crate::calendar;
use crate::compare;
use crate::document::{Document, DocumentError, Text, WrittenSource, not_declared};
use crate::names::Covered;

/// The approved list that needs no file.
const UK_PRIMARY: &str = "uk-primary";

/// Puts a document together; see [`School::new`].
pub(super) fn school(
    document: &Document,
    base: &Path,
    read: &mut dyn FnMut(&Path) -> Result<Vec<u8>, String>,
) -> Result<(School, Vec<String>), DocumentError> {
    let mut warnings = Vec::new();
    calendar::check(document)?;
    let mut sources = sources(document, base)?;
    let upkeep = upkeep::all(document, &mut warnings)?;
    let categories = Categories::new(document, &sources, &mut warnings)?;
    for source in &mut sources {
        source.locked =
            source.category.iter().chain(source.map.values()).any(|id| categories.locked_here(id));
    }
    let Resolved { policies, rules, numbers } = resolve::policies(document, &categories, &mut warnings)?;
    let essentials = essentials(document)?;
    let (corrections, correction_reasons) =
        corrections::corrections(document, &categories)?.into_iter().unzip();
    let approved = approved(document, base, read, &categories, &numbers, &mut warnings)?;
    let (networks, network_numbers) = identities::networks(document, &numbers)?;
    if networks.is_empty() {
        warnings.push("no [[network]] is declared: every client is `unknown`".to_owned());
    }
    let (groups, devices) = identities::devices(document, &numbers, &network_numbers, &mut warnings)?;
    let unknown = number_of_unknown(&numbers);
    let fallback = policies.get(usize::from(unknown)).cloned();
    let fallback =
        fallback.ok_or_else(|| document.error(&document.written.version, "no built-in policies"))?;
    let categories = categories.declared;
    let school = School {
        sources,
        upkeep,
        timezone: document.written.timezone.as_ref().map(|zone| zone.get_ref().clone()),
        categories,
        approved,
        corrections,
        correction_reasons,
        essentials,
        policies,
        rules,
        networks,
        groups,
        devices,
        unknown,
        fallback,
    };
    check_never_looser(document, &school, &numbers)?;
    Ok((school, warnings))
}

fn number_of_unknown(policies: &Numbers) -> u16 {
    policies.get("unknown").copied().unwrap_or(0)
}

/// Which categories there are.
pub(super) struct Categories {
    declared: BTreeMap<CategoryId, Declared>,
    fed: BTreeSet<CategoryId>,
}

impl Categories {
    fn new(
        document: &Document,
        sources: &[Source],
        warnings: &mut Vec<String>,
    ) -> Result<Self, DocumentError> {
        let mut fed: BTreeSet<CategoryId> =
            sources.iter().filter_map(|source| source.category.clone()).collect();
        for source in sources.iter().filter(|source| source.format == Format::Ut1) {
            fed.extend(source.map.values().filter(|category| category.as_str() != ut1::NONE).cloned());
            fed.extend(ut1::mapped_categories());
        }
        fed.extend(services::services().iter().map(|service| service.id.clone()));
        let waiting: Vec<CategoryId> = fed.iter().filter_map(CategoryId::unconfirmed).collect();
        fed.extend(waiting);
        let mut all = Self { declared: BTreeMap::new(), fed };
        for written in &document.written.category {
            let id = category_id(document, &written.id)?;
            if id.is_built_in() || id.confirmed().is_some() {
                return Err(
                    document.error(&written.id, format!("the category `{id}` is built in; use it as it is"))
                );
            }
            if !all.fed.contains(&id) {
                warnings.push(format!(
                    "no source feeds the category `{id}`: it is empty, and no policy can name it"
                ));
            }
            let declared =
                Declared { title: written.title.clone(), locked: written.locked, targets: written.targets };
            if all.declared.insert(id.clone(), declared).is_some() {
                return Err(document.error(&written.id, format!("the category `{id}` is declared twice")));
            }
        }
        match document.written.source.first() {
            Some(first) if all.fed.len() > CATEGORIES_MAX => {
                Err(document
                    .error(&first.id, format!("the sources feed more than {CATEGORIES_MAX} categories")))
            }
            _ => Ok(all),
        }
    }

    /// A category that is built in or fed.
    pub(super) fn known(&self, document: &Document, text: &Text) -> Result<CategoryId, DocumentError> {
        let id = category_id(document, text)?;
        if id.is_built_in() || id.confirmed().is_some() || self.fed.contains(&id) {
            return Ok(id);
        }
        let known = BUILT_IN.into_iter().chain(self.fed.iter().map(CategoryId::as_str));
        let message = not_declared("category", id.as_str(), known);
        Err(document.error(text, format!("{message} (a category is built in or fed by a source)")))
    }

    pub(super) fn is_locked(&self, id: &CategoryId) -> bool {
        id.is_locked() || self.locked_here(id)
    }

    /// Locked by the school's own word; `illegal/*` needs none.
    fn locked_here(&self, id: &CategoryId) -> bool {
        self.declared.get(id).is_some_and(|declared| declared.locked)
    }
}

fn category_id(document: &Document, text: &Text) -> Result<CategoryId, DocumentError> {
    CategoryId::try_from(text.get_ref().clone()).map_err(|why| document.error(text, why))
}

fn sources(document: &Document, base: &Path) -> Result<Vec<Source>, DocumentError> {
    let written = &document.written.source;
    if written.is_empty() {
        return Ok(starter_sources().into_iter().chain([services::source()]).collect());
    }
    numbered(document, "source", written.iter().map(|source| &source.id))?;
    let catalogue = services::source();
    if let Some(source) = written.iter().find(|source| *source.id.get_ref() == catalogue.id) {
        let message = format!("the source id `{}` is that of the built-in services catalogue", catalogue.id);
        return Err(document.error(&source.id, message));
    }
    let declared = written.iter().map(|source| source_of(document, base, source));
    declared.chain([Ok(catalogue)]).collect()
}

fn source_of(document: &Document, base: &Path, written: &WrittenSource) -> Result<Source, DocumentError> {
    let wrong =
        |message: &str| document.error(&written.id, format!("source `{}` {message}", written.id.get_ref()));
    let category = written.category.as_ref().map(|text| category_id(document, text)).transpose()?;
    match (&category, written.format) {
        (None, Format::Ut1) => {}
        (Some(_), Format::Ut1) => {
            return Err(wrong("is ut1: its folders are its categories, leave `category` out"));
        }
        (None, _) => return Err(wrong("needs a `category`")),
        (Some(id), _) if id.confirmed().is_some() => {
            return Err(wrong("feeds a waiting room; names get there by themselves"));
        }
        (Some(_), _) if !written.map.is_empty() => {
            return Err(wrong("has a `map`, which only ut1 sources have"));
        }
        (Some(_), _) => {}
    }
    if written.actions.is_some() && written.format != Format::Rpz {
        return Err(wrong("has `actions`, which only rpz sources have: others do not say how to answer"));
    }
    let location = match (&written.url, &written.path) {
        (Some(url), None) => Location::Url(checked_url(document, url)?),
        (None, Some(path)) => Location::Path(base.join(path.get_ref())),
        _ => return Err(wrong("needs either `url` or `path`")),
    };
    let mut map = BTreeMap::new();
    for (folder, text) in &written.map {
        map.insert(folder.clone(), category_id(document, text)?);
    }
    Ok(Source {
        id: written.id.get_ref().clone(),
        category,
        format: written.format,
        location,
        span: written.span,
        trust: written.trust,
        map,
        licence: written.licence.clone(),
        locked: false,
        actions: written.actions.unwrap_or_default(),
    })
}

pub(super) fn checked_url(document: &Document, url: &Text) -> Result<String, DocumentError> {
    let text = url.get_ref();
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') => Ok(text.clone()),
        _ => Err(document.error(
            url,
            format!("`{}` is not an address such as https://lists.example/gambling.txt", masked(text)),
        )),
    }
}

fn essentials(document: &Document) -> Result<Vec<Covered>, DocumentError> {
    let names = &document.written.essentials.names;
    names
        .iter()
        .map(|text| {
            let covered = covered(document, text, Span::Exact)?;
            if is_public_suffix(covered.name.as_ref()) {
                return Err(document.error(text, opens_suffix(&covered.name)));
            }
            Ok(covered)
        })
        .collect()
}

/// Reads a name as people write it.
pub(super) fn covered(document: &Document, text: &Text, plain: Span) -> Result<Covered, DocumentError> {
    Covered::parse(text.get_ref(), plain).map_err(|why| {
        document.error(text, format!("`{}` is not a name to decide about: {why}", text.get_ref()))
    })
}

/// Why an allow-side entry is refused.
pub(super) fn opens_suffix(name: &Name) -> String {
    if name.as_ref().label_count() < 2 {
        return format!("`{name}` is a single label, not a site: allow the site itself");
    }
    format!("`{name}` is a public suffix, under which anybody can register a name: allow the site itself")
}

fn approved(
    document: &Document,
    base: &Path,
    read: &mut dyn FnMut(&Path) -> Result<Vec<u8>, String>,
    categories: &Categories,
    policies: &Numbers,
    warnings: &mut Vec<String>,
) -> Result<Vec<Approved>, DocumentError> {
    let written = &document.written.approved;
    numbered(document, "approved list", written.iter().map(|list| &list.id))?;
    let mut lists = Vec::with_capacity(written.len());
    for list in written {
        let mut clears = Vec::new();
        for text in &list.clears {
            let id = categories.known(document, text)?;
            if categories.is_locked(&id) {
                return Err(document.error(text, format!("{id} is locked: no list clears it")));
            }
            clears.push(id);
        }
        let names = match &list.path {
            Some(path) => {
                let bytes = read(&base.join(path.get_ref())).map_err(|why| {
                    let message = format!("the approved list `{}` cannot be read: {why}", path.get_ref());
                    document.error(path, message)
                })?;
                approved_names(document, path, &bytes, warnings)?
            }
            None if list.id.get_ref() == UK_PRIMARY => uk_primary(),
            None => {
                let message = format!("the approved list needs a `path`; only `{UK_PRIMARY}` is built in");
                return Err(document.error(&list.id, message));
            }
        };
        lists.push(Approved {
            id: list.id.get_ref().clone(),
            clears,
            policies: list
                .policies
                .iter()
                .map(|id| number(document, "policy", policies, id))
                .collect::<Result<_, _>>()?,
            names,
        });
    }
    Ok(lists)
}

/// The approved list that comes with the program, for schools that open a walled garden to it: what
/// of the must-open set is for pupils to read, watch, learn with and turn to.
fn uk_primary() -> Vec<Covered> {
    let for_pupils = |group: &str| matches!(group, "learning" | "reading" | "media" | "help");
    let rows = must_open().iter().filter(|row| for_pupils(row.group));
    rows.map(|row| Covered { name: row.name.clone(), subtree: row.subtree }).collect()
}

/// One name a line, `#` comments. A line that is no name opens nothing and is only warned of.
fn approved_names(
    document: &Document,
    file: &Text,
    bytes: &[u8],
    warnings: &mut Vec<String>,
) -> Result<Vec<Covered>, DocumentError> {
    let mut names = Vec::new();
    let path = file.get_ref();
    for (line, bytes) in (1usize..).zip(bytes.split(|&byte| byte == b'\n')) {
        let text = String::from_utf8_lossy(bytes);
        let text = text.split('#').next().unwrap_or("").trim().trim_start_matches('\u{feff}');
        if text.is_empty() {
            continue;
        }
        match Covered::parse(text, Span::Subtree) {
            Ok(covered) if is_public_suffix(covered.name.as_ref()) => {
                return Err(
                    document.error(file, format!("{path}, line {line}: {}", opens_suffix(&covered.name)))
                );
            }
            Ok(covered) => names.push(covered),
            Err(why) => warnings.push(format!("{path}, line {line}: no name to approve: {why}")),
        }
    }
    Ok(names)
}

fn check_never_looser(document: &Document, school: &School, policies: &Numbers) -> Result<(), DocumentError> {
    for written in &document.written.policy {
        let Some(bound) = &written.never_looser_than else {
            continue;
        };
        let old = number(document, "policy", policies, bound)?;
        let new = number(document, "policy", policies, &written.id)?;
        let looser = compare::beyond_bound(school, new, old);
        if !looser.is_empty() {
            return Err(document.error(
                bound,
                format!(
                    "policy `{}` is looser than `{}`: {}",
                    written.id.get_ref(),
                    bound.get_ref(),
                    looser.join("; ")
                ),
            ));
        }
    }
    Ok(())
}
