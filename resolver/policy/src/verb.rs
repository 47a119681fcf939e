//! Verbs: what a policy does with a category.

use std::fmt;

/// What a policy does with a category, from the mildest to the strictest; the order of the variants
/// is the order of strictness that step 10 and `compare` use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Allowed.
    Allow,
    /// Allowed, counted.
    Watch,
    /// Allowed at certain times, else blocked. There is no clock yet, so it counts as blocked.
    Times,
    /// With staff permission: blocked until a teacher permits it.
    Ask,
    /// Not allowed.
    Block,
    /// Never for pupils: no rule, grant or approved list opens it.
    Seal,
}

impl Verb {
    /// All of them, mildest first.
    pub const ALL: [Self; 6] = [Self::Allow, Self::Watch, Self::Times, Self::Ask, Self::Block, Self::Seal];

    /// The verb as `policy.toml` writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Watch => "watch",
            Self::Times => "times",
            Self::Ask => "ask",
            Self::Block => "block",
            Self::Seal => "seal",
        }
    }

    /// Reads a verb.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == word)
    }

    /// Whether a name of such a category is answered (now, as far as time matters).
    #[must_use]
    pub const fn opens(self) -> bool {
        matches!(self, Self::Allow | Self::Watch)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
