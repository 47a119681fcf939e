//! The words by which the API tells what the inner crates have as enums.
//!
//! Mirrors, so that the description of the API is complete: a new variant inside does not compile
//! until it has its word here.

use policy::BlockStyle;
use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOfBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// An enum of words, and how it comes from the one it mirrors.
macro_rules! words {
    ($($(#[$about:meta])* $name:ident of $inner:ty { $($(#[$what:meta])* $variant:ident = $word:tt,)+ })+) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
        pub enum $name {
            $($(#[$what])* #[serde(rename = $word)] $variant,)+
        }

        impl From<$inner> for $name {
            fn from(inner: $inner) -> Self {
                type Inner = $inner;
                match inner {
                    $(Inner::$variant => Self::$variant,)+
                }
            }
        }
    )+};
}

words! {
    /// How a block list is written.
    Format of blocklists::source::Format {
        /// One name a line.
        Domains = "domains",
        /// A hosts file.
        Hosts = "hosts",
        /// Adblock rules.
        Adblock = "adblock",
        /// Lines of a dnsmasq configuration.
        Dnsmasq = "dnsmasq",
        /// A response policy zone.
        Rpz = "rpz",
        /// Folders of the University of Toulouse.
        Ut1 = "ut1",
    }
    /// How far a block list is believed alone.
    Trust of blocklists::source::Trust {
        /// Fills strict categories by itself.
        Core = "core",
        /// Needs a second source to fill a strict category.
        Normal = "normal",
        /// As `normal`; the school's own addition.
        Extra = "extra",
    }
    /// What a plain name of a list covers.
    Span of blocklists::source::Span {
        /// This name only.
        Exact = "exact",
        /// This name and everything below.
        Subtree = "subtree",
    }
    /// How fresh a block list is.
    State of blocklists_update::State {
        /// Read at the last update.
        Ok = "ok",
        /// Could not be had; the copy before is in force.
        Stale = "stale",
        /// Not fit to use; the copy before is in force.
        Refused = "refused",
        /// Never had.
        Missing = "missing",
    }
    /// Allow or block.
    Action of policy::Action {
        /// It is allowed.
        Allow = "allow",
        /// It is blocked.
        Block = "block",
    }
    /// YouTube's restricted mode.
    YouTube of policy::YouTube {
        /// Left alone.
        Off = "off",
        /// Moderately restricted.
        Moderate = "moderate",
        /// Strictly restricted.
        Strict = "strict",
    }
    /// What happens to HTTPS records.
    HttpsRecords of policy::HttpsRecords {
        /// Left alone.
        Keep = "keep",
        /// The key that hides the site's name is taken out.
        StripEch = "strip-ech",
        /// Not answered.
        Drop = "drop",
    }
    /// What a policy does with a category.
    Verb of policy::Verb {
        /// Allowed.
        Allow = "allow",
        /// Allowed, counted.
        Watch = "watch",
        /// Allowed at certain times.
        Times = "times",
        /// With staff permission.
        Ask = "ask",
        /// Not allowed.
        Block = "block",
        /// Never for pupils.
        Seal = "seal",
    }
}

/// How a block is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub enum BlockAnswer {
    /// There is no such name.
    #[serde(rename = "nxdomain")]
    Nxdomain,
    /// The name has no such record.
    #[serde(rename = "nodata")]
    NoData,
    /// An address that leads nowhere.
    #[serde(rename = "null")]
    Null,
    /// Refused.
    #[serde(rename = "refused")]
    Refused,
    /// The address of the block page.
    #[serde(rename = "page")]
    Page,
}

impl From<BlockStyle> for BlockAnswer {
    fn from(style: BlockStyle) -> Self {
        match style {
            BlockStyle::Nxdomain => Self::Nxdomain,
            // The last three are said by entries of lists, and never stand in a policy.
            BlockStyle::NoData | BlockStyle::Drop | BlockStyle::TcpOnly | BlockStyle::Data(_) => Self::NoData,
            BlockStyle::Null => Self::Null,
            BlockStyle::Refused => Self::Refused,
            BlockStyle::Page => Self::Page,
        }
    }
}

/// An IP address, which utoipa does not know.
#[derive(Debug)]
pub struct Address;

impl PartialSchema for Address {
    fn schema() -> RefOr<Schema> {
        let written = |format| {
            let format = Some(SchemaFormat::KnownFormat(format));
            ObjectBuilder::new().schema_type(Type::String).format(format)
        };
        let either = AnyOfBuilder::new().item(written(KnownFormat::Ipv4)).item(written(KnownFormat::Ipv6));
        RefOr::T(either.build().into())
    }
}

impl ToSchema for Address {}
