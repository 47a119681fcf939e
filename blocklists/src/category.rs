//! Categories: the named sets that a school recognises, and small sets of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Most categories that one index may hold, `…/unconfirmed` ones included.
pub const CATEGORIES_MAX: usize = 1024;

/// The built-in category ids (design section 9), in the order of the presets.
pub const BUILT_IN: [&str; 40] = [
    "illegal/csam",
    "illegal/terrorism",
    "illegal/other",
    "adult",
    "extremism",
    "hate",
    "self-harm",
    "violence",
    "bullying",
    "drugs",
    "gambling",
    "malware",
    "scams",
    "bypass",
    "remote-control",
    "unsafe-search",
    "social",
    "chat-rooms",
    "messaging",
    "newsgroups",
    "webmail",
    "blogs-personal",
    "blogs-educational",
    "dating",
    "games",
    "video",
    "piracy",
    "downloads",
    "shopping",
    "ads",
    "tracking",
    "ai",
    "misinformation",
    "hacking",
    "shorteners",
    "dynamic-dns",
    "new-domains",
    "app-stores",
    "translation",
    "off-task",
];

/// Built-in categories that one ordinary source alone cannot fill (design section 4): an entry
/// needs a `core` source or two sources, else it goes to `<category>/unconfirmed`.
pub const STRICT: [&str; 7] =
    ["adult", "malware", "extremism", "self-harm", "dating", "bypass", "chat-rooms"];

/// What is appended to a strict category for names that only one ordinary source lists.
pub const UNCONFIRMED: &str = "/unconfirmed";

/// A category id such as `gambling`, `illegal/csam` or `service/tiktok`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CategoryId(Box<str>);

impl CategoryId {
    /// Accepts `[a-z0-9-]+(/[a-z0-9-]+)?`.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let part = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        };
        let good = match text.split_once('/') {
            Some((first, second)) => part(first) && part(second),
            None => part(text),
        };
        (good && text.len() <= 64).then(|| Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `illegal/*`: nobody and nothing allows it, ever.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.0.starts_with("illegal/")
    }

    /// Whether a single ordinary source is not enough.
    #[must_use]
    pub fn is_strict(&self) -> bool {
        STRICT.contains(&&*self.0)
    }

    /// Whether the product knows it without a source.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        BUILT_IN.contains(&&*self.0)
    }

    /// For a strict category: where names go that one ordinary source alone lists.
    #[must_use]
    pub fn unconfirmed(&self) -> Option<Self> {
        self.is_strict().then(|| Self(format!("{}{UNCONFIRMED}", self.0).into()))
    }

    /// For `<strict>/unconfirmed`: the strict category it belongs to.
    #[must_use]
    pub fn confirmed(&self) -> Option<Self> {
        self.0.strip_suffix(UNCONFIRMED).and_then(Self::new).filter(Self::is_strict)
    }
}

impl fmt::Display for CategoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for CategoryId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text).ok_or_else(|| {
            format!(
                "`{text}` is not a category id: lower-case letters, digits and hyphens, with at most one `/`"
            )
        })
    }
}

impl From<CategoryId> for String {
    fn from(id: CategoryId) -> Self {
        id.0.into()
    }
}

/// A set of categories by their number in one index's category table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CategorySet([u64; CATEGORIES_MAX / 64]);

impl CategorySet {
    /// Nothing.
    pub const EMPTY: Self = Self([0; CATEGORIES_MAX / 64]);

    /// Adds a number below [`CATEGORIES_MAX`]; others are ignored.
    pub fn insert(&mut self, number: u16) {
        if let Some(word) = self.0.get_mut(usize::from(number) / 64) {
            *word |= 1 << (number % 64);
        }
    }

    /// Takes a number out.
    pub fn remove(&mut self, number: u16) {
        if let Some(word) = self.0.get_mut(usize::from(number) / 64) {
            *word &= !(1 << (number % 64));
        }
    }

    /// Whether a number is in it.
    #[must_use]
    pub fn contains(&self, number: u16) -> bool {
        self.0.get(usize::from(number) / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.zip(other, |mine, theirs| mine | theirs)
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.zip(other, |mine, theirs| mine & theirs)
    }

    /// What is in this one only.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.zip(other, |mine, theirs| mine & !theirs)
    }

    /// Whether the two share a category.
    #[must_use]
    pub fn intersects(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(mine, theirs)| mine & theirs != 0)
    }

    /// The lowest number in both.
    #[must_use]
    pub fn first_in(&self, other: &Self) -> Option<u16> {
        self.intersection(other).iter().next()
    }

    /// Numbers in rising order.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.0.iter().enumerate().flat_map(|(index, &word)| {
            let base = u16::try_from(index * 64).unwrap_or(u16::MAX);
            std::iter::successors(Some(word), |bits| Some(bits & bits.wrapping_sub(1)))
                .take_while(|&bits| bits != 0)
                .map(move |bits| base + u16::try_from(bits.trailing_zeros()).unwrap_or(0))
        })
    }

    fn zip(&self, other: &Self, join: impl Fn(u64, u64) -> u64) -> Self {
        Self(std::array::from_fn(|index| join(self.0[index], other.0[index])))
    }
}

impl FromIterator<u16> for CategorySet {
    fn from_iter<I: IntoIterator<Item = u16>>(numbers: I) -> Self {
        let mut set = Self::EMPTY;
        for number in numbers {
            set.insert(number);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_what_people_can_type() {
        for good in ["gambling", "illegal/csam", "service/tiktok", "local/board-games"] {
            assert!(CategoryId::new(good).is_some(), "{good}");
        }
        for bad in ["", "Gambling", "a/b/c", "a/", "/a", "a b", "é"] {
            assert!(CategoryId::new(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn strict_categories_know_their_waiting_room() {
        let adult = CategoryId::new("adult").unwrap();
        let waiting = adult.unconfirmed().unwrap();
        assert_eq!(waiting.as_str(), "adult/unconfirmed");
        assert_eq!(waiting.confirmed(), Some(adult));
        assert_eq!(CategoryId::new("games").unwrap().unconfirmed(), None);
        assert!(CategoryId::new("illegal/other").unwrap().is_locked());
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set: CategorySet = [0, 63, 64, 1023, 5000].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63, 64, 1023]);
        let other: CategorySet = [64, 7].into_iter().collect();
        assert_eq!(set.first_in(&other), Some(64));
        assert_eq!(set.difference(&other).iter().count(), 3);
        assert!(!set.difference(&set).intersects(&set));
    }
}
