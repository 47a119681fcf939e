//! The school as the program may rely on it: every id resolved to something declared, every name
//! and address read. A value of this type is valid by construction.

mod build;
mod corrections;
mod identities;
pub mod policies;
mod resolve;
mod upkeep;

use std::collections::BTreeMap;
use std::path::Path;

use blocklists::category::CategoryId;
use blocklists::name::NameRef;
use blocklists::overlay::Correction;
use blocklists::services;
use blocklists::source::Source;
use blocklists::upkeep::Upkeep;

use crate::document::{Document, DocumentError};
use crate::names::Covered;
use policies::{Policy, Rule};

pub use identities::{Device, Group, Network};

/// The policy document of a program that nobody has configured.
pub const BUILT_IN: &str = include_str!("../data/built_in.toml");

/// What `policy.toml` says, valid.
#[derive(Debug, Clone)]
pub struct School {
    pub(crate) sources: Vec<Source>,
    /// By the id of the source; those that say nothing are not in it.
    pub(crate) upkeep: BTreeMap<String, Upkeep>,
    pub(crate) timezone: Option<String>,
    pub(crate) categories: BTreeMap<CategoryId, Declared>,
    pub(crate) approved: Vec<Approved>,
    pub(crate) corrections: Vec<Correction>,
    /// Why, in the same order.
    pub(crate) correction_reasons: Vec<Option<String>>,
    pub(crate) essentials: Vec<Covered>,
    pub(crate) policies: Vec<Policy>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) networks: Vec<Network>,
    pub(crate) groups: Vec<Group>,
    pub(crate) devices: Vec<Device>,
    /// Number of the policy `unknown`, which is always there.
    pub(crate) unknown: u16,
    /// The same policy, for numbers that are none.
    pub(crate) fallback: Policy,
}

/// A category of the school's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// What the school calls it.
    pub title: Option<String>,
    /// Whether it is locked as `illegal/*` is.
    pub locked: bool,
    /// Whether what an answer points at is judged by it too.
    pub targets: bool,
}

/// A list of sites that is fine although an open category lists them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    /// Its id.
    pub id: String,
    /// The categories that it clears.
    pub clears: Vec<CategoryId>,
    /// The policies in which it does, by number.
    pub policies: Vec<u16>,
    /// The sites.
    pub names: Vec<Covered>,
}

impl Approved {
    /// Whether it clears a category; a service goes with the category that the catalogue gives it.
    pub(crate) fn clears(&self, category: &CategoryId) -> bool {
        let cleared = |id: &CategoryId| self.clears.contains(id);
        cleared(category) || services::parent(category).is_some_and(cleared)
    }
}

impl School {
    /// Puts a document together. `read` fetches the file of an approved list, whose path is taken
    /// relative to `base` (this crate does no I/O itself). Warnings are sentences.
    ///
    /// # Errors
    /// [`DocumentError`] for the first thing that is used and not declared, declared twice, or not
    /// what it should be.
    pub fn new(
        document: &Document,
        base: &Path,
        read: &mut dyn FnMut(&Path) -> Result<Vec<u8>, String>,
    ) -> Result<(Self, Vec<String>), DocumentError> {
        build::school(document, base, read)
    }

    /// The school of a program that nobody has configured: `127.0.0.0/8` and `::1` are pupils
    /// (`ks2`), `127.30.0.0/16` staff, `127.90.0.0/16` guests; starter lists.
    #[must_use]
    pub fn built_in() -> Self {
        let document = Document::parse(BUILT_IN).expect("the built-in document is valid: a test parses it");
        let mut nothing = |_: &Path| Err("the built-in school reads no files".to_owned());
        let built = Self::new(&document, Path::new(""), &mut nothing);
        built.expect("the built-in document makes a school: a test builds it").0
    }

    /// Block lists: the declared ones, else the built-in starter lists; the services catalogue last.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// How block lists are kept, by the id of the source; the defaults hold for those not in it.
    #[must_use]
    pub fn upkeep(&self) -> &BTreeMap<String, Upkeep> {
        &self.upkeep
    }

    /// The IANA name of the school's time zone, where it says one.
    #[must_use]
    pub fn timezone(&self) -> Option<&str> {
        self.timezone.as_deref()
    }

    /// All policies, the built-in ones first; a [`Client`](crate::Client) holds numbers in it.
    #[must_use]
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// All site decisions of all policies.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Networks in the order of the file.
    #[must_use]
    pub fn networks(&self) -> &[Network] {
        &self.networks
    }

    /// Groups in the order of the file.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Devices in the order of the file.
    #[must_use]
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// Approved lists in the order of the file.
    #[must_use]
    pub fn approved(&self) -> &[Approved] {
        &self.approved
    }

    /// Names taken out of categories and into them, against what lists say: for the index's overlay.
    #[must_use]
    pub fn corrections(&self) -> &[Correction] {
        &self.corrections
    }

    /// Why the school made a correction, by its place among [`corrections`](Self::corrections).
    #[must_use]
    pub fn correction_reason(&self, place: usize) -> Option<&str> {
        self.correction_reasons.get(place)?.as_deref()
    }

    /// The policy of a number; `unknown` for a number that is none.
    #[must_use]
    pub fn policy(&self, number: u16) -> &Policy {
        self.policies.get(usize::from(number)).unwrap_or(&self.fallback)
    }

    /// The number of a policy.
    #[must_use]
    pub fn policy_number(&self, id: &str) -> Option<u16> {
        self.policies.iter().position(|policy| policy.id == id).and_then(|place| u16::try_from(place).ok())
    }

    /// The rule of a number that a policy holds.
    #[must_use]
    pub fn rule(&self, number: u32) -> Option<&Rule> {
        self.rules.get(usize::try_from(number).ok()?)
    }

    /// Whether a category is locked: `illegal/*`, and what the school declares so.
    #[must_use]
    pub fn is_locked(&self, category: &CategoryId) -> bool {
        category.is_locked() || self.categories.get(category).is_some_and(|declared| declared.locked)
    }

    /// Whether what an answer points at is judged by a category too (design section 5, step 15).
    #[must_use]
    pub fn judges_targets(&self, category: &CategoryId) -> bool {
        let id = category.confirmed();
        let id = id.as_ref().or(services::parent(category)).unwrap_or(category);
        crate::presets::judges_targets(id)
            || self.categories.get(id).is_some_and(|declared| declared.targets || declared.locked)
    }
}

/// Whether a name is a public suffix (`co.uk`, `github.io`) or a single label: under such a name
/// strangers register theirs, so nothing may be opened, or forwarded, for all of it.
#[must_use]
pub fn is_public_suffix(name: NameRef<'_>) -> bool {
    if name.label_count() < 2 {
        return true;
    }
    let text = name.to_string();
    psl::suffix(text.as_bytes())
        .is_some_and(|suffix| suffix.is_known() && suffix.as_bytes().len() == text.len())
}
