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
            || matches!(Stand::of(self), Some((Stand::Again(_), category)) if category.is_strict())
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

/// What an overlay says *about* a category instead of in it. It is written as an id of its own with a
/// hyphen in front (`-void0-adult`), as no category of a school begins, so that corrections take the
/// same way through the compiler as lists do; it never leaves the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stand {
    /// What lists say of this name and of those above it does not hold. Corrections that lie in each
    /// other have levels.
    Void(u8),
    /// What lists say below the corrected name still holds.
    Again(u8),
    /// Taken out, whatever any list says.
    Take,
    /// Put in, whatever any list says.
    Add,
}

impl Stand {
    /// The id under which it is written.
    pub(crate) fn id(self, category: &CategoryId) -> CategoryId {
        let word = match self {
            Self::Void(level) => format!("void{level}"),
            Self::Again(level) => format!("again{level}"),
            Self::Take => "take".to_owned(),
            Self::Add => "add".to_owned(),
        };
        CategoryId(format!("-{word}-{category}").into())
    }

    /// What an id means, and of which category; `None` for an ordinary one.
    pub(crate) fn of(id: &CategoryId) -> Option<(Self, CategoryId)> {
        let (word, category) = id.0.strip_prefix('-')?.split_once('-')?;
        let level = |kind: &str| word.strip_prefix(kind)?.parse().ok();
        let stand = match word {
            "take" => Self::Take,
            "add" => Self::Add,
            _ => level("void").map(Self::Void).or_else(|| level("again").map(Self::Again))?,
        };
        Some((stand, CategoryId::new(category)?))
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
///
/// It has room for all that an index may hold, but most schools have a hundred or two: it knows how
/// many of its words were ever in use, and looks at no others.
#[derive(Clone, Copy)]
pub struct CategorySet {
    words: [u64; CATEGORIES_MAX / 64],
    /// All words from here on are zero; those before may be.
    used: u8,
}

impl Default for CategorySet {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl CategorySet {
    /// Nothing.
    pub const EMPTY: Self = Self { words: [0; CATEGORIES_MAX / 64], used: 0 };

    /// Adds a number below [`CATEGORIES_MAX`]; others are ignored.
    #[inline]
    pub fn insert(&mut self, number: u16) {
        if let Some(word) = self.words.get_mut(usize::from(number) / 64) {
            *word |= 1 << (number % 64);
            // The quotient is below 16.
            self.used = self.used.max((number / 64 + 1) as u8);
        }
    }

    /// Takes a number out.
    #[inline]
    pub fn remove(&mut self, number: u16) {
        if let Some(word) = self.words.get_mut(usize::from(number) / 64) {
            *word &= !(1 << (number % 64));
        }
    }

    /// Whether a number is in it.
    #[must_use]
    #[inline]
    pub fn contains(&self, number: u16) -> bool {
        self.words.get(usize::from(number) / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Whether nothing is in it.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.used().iter().all(|&word| word == 0)
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let (mut all, fewer) = if self.used >= other.used { (*self, other) } else { (*other, self) };
        all.words.iter_mut().zip(fewer.used()).for_each(|(mine, theirs)| *mine |= theirs);
        all
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut both = Self::EMPTY;
        both.used = self.used.min(other.used);
        let words = self.used().iter().zip(other.used());
        both.words.iter_mut().zip(words).for_each(|(word, (mine, theirs))| *word = mine & theirs);
        both
    }

    /// What is in this one only.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut rest = *self;
        rest.words.iter_mut().zip(other.used()).for_each(|(mine, theirs)| *mine &= !theirs);
        rest
    }

    /// Whether the two share a category.
    #[must_use]
    #[inline]
    pub fn intersects(&self, other: &Self) -> bool {
        self.used().iter().zip(other.used()).any(|(mine, theirs)| mine & theirs != 0)
    }

    /// Whether all three share a category.
    #[must_use]
    #[inline]
    pub fn shares(&self, one: &Self, other: &Self) -> bool {
        self.used()
            .iter()
            .zip(one.used())
            .zip(other.used())
            .any(|((mine, one), other)| mine & one & other != 0)
    }

    /// The lowest number in both.
    #[must_use]
    #[inline]
    pub fn first_in(&self, other: &Self) -> Option<u16> {
        lowest(self.used().iter().zip(other.used()).map(|(mine, theirs)| mine & theirs))
    }

    /// The lowest number in both that a third set does not have.
    #[must_use]
    #[inline]
    pub fn first_in_but(&self, other: &Self, not: &Self) -> Option<u16> {
        let words = self.used().iter().zip(other.used()).zip(&not.words);
        lowest(words.map(|((mine, theirs), not)| mine & theirs & !not))
    }

    /// Numbers in rising order.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.used().iter().enumerate().flat_map(|(index, &word)| {
            let base = u16::try_from(index * 64).unwrap_or(u16::MAX);
            std::iter::successors(Some(word), |bits| Some(bits & bits.wrapping_sub(1)))
                .take_while(|&bits| bits != 0)
                .map(move |bits| base + u16::try_from(bits.trailing_zeros()).unwrap_or(0))
        })
    }

    /// The words that may hold anything.
    #[inline]
    fn used(&self) -> &[u64] {
        self.words.get(..usize::from(self.used)).unwrap_or(&self.words)
    }
}

/// The lowest number in a set's words.
#[inline]
fn lowest(words: impl Iterator<Item = u64>) -> Option<u16> {
    let (place, word) = (0_u32..).zip(words).find(|(_, word)| *word != 0)?;
    u16::try_from(place * u64::BITS + word.trailing_zeros()).ok()
}

impl PartialEq for CategorySet {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words
    }
}

impl Eq for CategorySet {}

impl std::hash::Hash for CategorySet {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.words.hash(state);
    }
}

impl fmt::Debug for CategorySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
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
    fn what_is_said_about_a_category_is_told_from_what_is_in_it() {
        for text in ["adult", "service/tiktok", "local/board-games"] {
            let category = CategoryId::new(text).unwrap();
            assert_eq!(Stand::of(&category), None);
            for stand in [Stand::Void(0), Stand::Again(12), Stand::Take, Stand::Add] {
                let id = stand.id(&category);
                assert!(CategoryId::new(id.as_str()).is_some(), "{id} can be written");
                assert_eq!(Stand::of(&id), Some((stand, category.clone())));
                let confirmed = matches!(stand, Stand::Again(_)) && text == "adult";
                assert_eq!(id.is_strict(), confirmed, "{id}");
            }
        }
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set: CategorySet = [0, 63, 64, 1023, 5000].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63, 64, 1023]);
        let other: CategorySet = [64, 7].into_iter().collect();
        assert_eq!(set.first_in(&other), Some(64));
        assert_eq!(set.first_in_but(&set, &[0, 63].into_iter().collect()), Some(64));
        assert_eq!(set.first_in_but(&other, &set), None);
        assert!(set.shares(&other, &set) && !set.shares(&other, &CategorySet::EMPTY));
        assert_eq!(set.difference(&other).iter().count(), 3);
        assert!(!set.difference(&set).intersects(&set));
        // Sets that hold the same are the same, however they came to be.
        let mut emptied = set;
        [0, 63, 64, 1023].into_iter().for_each(|number| emptied.remove(number));
        assert!(emptied.is_empty() && emptied == CategorySet::EMPTY);
        assert_eq!(set.union(&emptied), emptied.union(&set));
        assert_eq!(other.union(&set).iter().collect::<Vec<_>>(), [0, 7, 63, 64, 1023]);
        assert_eq!(other.difference(&set).iter().collect::<Vec<_>>(), [7]);
    }
}
