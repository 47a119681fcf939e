//! What an index has beside names: addresses, and how entries want their blocks answered.
//!
//! Both are the big index's alone (a source that has any is never the overlay's), so category numbers
//! are turned into those of the index alone on the way in, and back on the way out.

use std::net::IpAddr;

use super::{EntryAction, Index};
use crate::category::CategorySet;
use crate::name::NameRef;

/// What an index has of one address; of most nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Listing(u32);

impl Listing {
    /// On no list.
    pub const NOTHING: Self = Self(0);

    /// Whether it is on any list.
    #[must_use]
    pub fn is_something(self) -> bool {
        self.0 != 0
    }
}

impl Index {
    /// How the entries that put a name in a category want a block by it answered: a number for
    /// [`action`](Self::action). `None` when they leave it to the policy.
    #[must_use]
    pub fn action_of(&self, name: NameRef<'_>, rtype: u16, stream: bool, category: u16) -> Option<u16> {
        let own = self.of_base_alone(category)?;
        if !self.tables.extras.may_act(own) {
            return None;
        }
        let (extras, found) = (&self.tables.extras, self.listed(name));
        let wanted = extras.action(name, rtype, stream, &found, own)?;
        let over_tcp = !stream && self.action(wanted) == Some(&EntryAction::TcpOnly);
        if over_tcp && self.is_listed_over_stream(name, rtype, category) {
            // To be asked over TCP helps nobody where other entries block the name there too.
            return extras.action(name, rtype, true, &found, own);
        }
        Some(wanted)
    }

    fn is_listed_over_stream(&self, name: NameRef<'_>, rtype: u16, category: u16) -> bool {
        let here = self.find_over(name, rtype, true).here;
        let twin = self.categories().get(usize::from(category));
        let twin = twin.and_then(|id| id.unconfirmed().or_else(|| id.confirmed()));
        let twin = twin.and_then(|id| self.category_number(&id));
        here.contains(category) || twin.is_some_and(|twin| here.contains(twin))
    }

    /// The action of a number.
    #[must_use]
    pub fn action(&self, number: u16) -> Option<&EntryAction> {
        self.tables.extras.meaning.actions.get(usize::from(number))
    }

    /// Whether some entry wants to be asked over TCP, and so says nothing there.
    #[must_use]
    pub fn has_tcp_only(&self) -> bool {
        self.tables.extras.meaning.actions.contains(&EntryAction::TcpOnly)
    }

    /// What lists have of an address of an answer.
    #[must_use]
    pub fn answer_listing(&self, address: IpAddr) -> Listing {
        Listing(self.tables.extras.answers.set_of(address))
    }

    /// What lists have of a client's address; the same for all its questions.
    #[must_use]
    #[inline]
    pub fn client_listing(&self, address: IpAddr) -> Listing {
        Listing(self.tables.extras.clients.set_of(address))
    }

    /// The categories of an answer's address.
    #[must_use]
    pub fn addresses_of(&self, address: IpAddr) -> CategorySet {
        let answers = &self.tables.extras.answers;
        self.of_both(answers.categories(answers.set_of(address)))
    }

    /// The categories that a client's address adds to whatever it asks for.
    #[must_use]
    pub fn clients_of(&self, address: IpAddr) -> CategorySet {
        self.client_categories(self.client_listing(address))
    }

    /// The categories of a client's listing.
    #[must_use]
    pub fn client_categories(&self, listing: Listing) -> CategorySet {
        self.of_both(self.tables.extras.clients.categories(listing.0))
    }

    /// The categories of an answer's listing.
    #[must_use]
    pub fn answer_categories(&self, listing: Listing) -> CategorySet {
        self.of_both(self.tables.extras.answers.categories(listing.0))
    }

    /// How a listed address wants a block by a category answered, as in
    /// [`action_of`](Self::action_of): `client` says of which kind the listing is.
    #[must_use]
    pub fn address_action(&self, listing: Listing, client: bool, category: u16) -> Option<u16> {
        let addresses = if client { &self.tables.extras.clients } else { &self.tables.extras.answers };
        let category = self.of_base_alone(category)?;
        let actions = &addresses.listed(listing.0)?.actions;
        actions.iter().find(|(of, _)| *of == category).map(|(_, action)| *action)
    }

    /// All addresses of answers, for exports.
    pub(crate) fn answers(&self) -> &crate::addresses::Addresses {
        &self.tables.extras.answers
    }

    /// A set of the index alone under the numbers of index and overlay together.
    fn of_both(&self, set: CategorySet) -> CategorySet {
        self.over.as_ref().map_or(set, |over| over.of_base(&set))
    }

    /// The number that the index alone has for a category; `None` where only the overlay knows it.
    fn of_base_alone(&self, category: u16) -> Option<u16> {
        self.over.as_ref().map_or(Some(category), |over| over.to_base(category))
    }
}
