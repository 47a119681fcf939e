//! Policies, valid: every verb and setting resolved along `extends` down to the built-in defaults.

use std::collections::BTreeMap;

use blocklists::category::CategoryId;
use blocklists::services;
use serde::Deserialize;

use crate::decision::BlockStyle;
use crate::names::Covered;
use crate::verb::Verb;

/// Allow or block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is allowed.
    Allow,
    /// It is blocked.
    Block,
}

/// YouTube's restricted mode, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum YouTube {
    /// Left alone.
    Off,
    /// Moderately restricted.
    Moderate,
    /// Strictly restricted.
    Strict,
}

/// What happens to HTTPS records, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HttpsRecords {
    /// Left alone.
    Keep,
    /// The key that hides the site's name from the network is taken out.
    StripEch,
    /// NODATA.
    Drop,
}

/// One policy, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its id.
    pub id: String,
    /// What the school calls it.
    pub title: String,
    /// What happens to a name of no category.
    pub default: Action,
    /// Whether the school's own zones and records are answered.
    pub local: bool,
    /// Whether search engines are sent to their safe variant.
    pub safe_search: bool,
    /// YouTube's restricted mode.
    pub youtube: YouTube,
    /// What happens to search engines that have no safe variant.
    pub unsafe_search_engines: Action,
    /// What happens to HTTPS records.
    pub https_records: HttpsRecords,
    /// How a block is answered.
    pub block_answer: BlockStyle,
    /// Longest life of any answer in seconds.
    pub max_ttl: u32,
    /// Site decisions, its own and those taken from `extends`, by number in the school's rules.
    pub rules: Vec<u32>,
    pub(crate) verbs: BTreeMap<CategoryId, Chosen>,
}

/// A category's verb in one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) verb: Verb,
    /// For `times`: when it allows.
    pub(crate) periods: Vec<String>,
}

impl Policy {
    /// The verb for a category that is not locked: as named here or in a parent; a waiting room
    /// (`adult/unconfirmed`) follows its category but is never above `block`; a service that is not
    /// named follows the category that the catalogue gives it; else `block`.
    #[must_use]
    pub fn verb(&self, category: &CategoryId) -> Verb {
        let named = |id: &CategoryId| self.verbs.get(id).map(|chosen| chosen.verb);
        if let Some(confirmed) = category.confirmed() {
            return named(category).or_else(|| named(&confirmed)).unwrap_or(Verb::Block).min(Verb::Block);
        }
        let inherited = || services::parent(category).and_then(named);
        named(category).or_else(inherited).unwrap_or(Verb::Block)
    }

    /// Whether a service has no say here: in a walled garden, one that the policy does not name and
    /// whose category is open. The catalogue is ours, and ours opens no walled garden.
    pub(crate) fn ignores(&self, category: &CategoryId) -> bool {
        self.is_walled()
            && services::parent(category).is_some()
            && !self.verbs.contains_key(category)
            && self.verb(category).opens()
    }

    /// Whether nothing is open but what somebody opened by name: what the product says that every
    /// school must have does not hold here.
    #[must_use]
    pub fn is_walled(&self) -> bool {
        self.default == Action::Block
    }

    /// The periods of a `times` verb; empty for other verbs.
    pub(crate) fn periods(&self, category: &CategoryId) -> &[String] {
        self.verbs.get(category).map_or(&[], |chosen| chosen.periods.as_slice())
    }
}

/// A permanent decision about one site in one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Id of the policy that declares it.
    pub policy: String,
    /// What it covers.
    pub covers: Covered,
    /// Allow or block.
    pub action: Action,
    /// Why, in the school's words.
    pub reason: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// When it is looked at again (`YYYY-MM-DD`).
    pub review: Option<String>,
}
