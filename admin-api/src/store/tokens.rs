//! Bearer tokens: shown once when made, kept as SHA-256 only.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::{AnyPool, Connection, Row};
use subtle::ConstantTimeEq;
use thiserror::Error;

use super::audit::{self, Deed};
use super::{SCHOOL, StoreError, hex, now_ms};

/// Longest name of a token, in characters.
pub const NAME_CHARS_MAX: usize = 64;
/// What every token starts with, so that one found in a file or a log is known for what it is.
const PREFIX: &str = "sg_";
/// Random octets in a token.
const SECRET_OCTETS: usize = 32;
/// Random octets in a token's id.
const ID_OCTETS: usize = 8;
const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What a token may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// `/metrics` only.
    Metrics,
    /// Everything that can be read, `/metrics` included.
    Read,
    /// Making the server forget cached answers, and nothing else: what decides cannot be changed with it,
    /// nor anything be read.
    Operate,
}

impl Scope {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Read => "read",
            Self::Operate => "operate",
        }
    }

    /// Whether a token of this scope may do what needs `needed`.
    #[must_use]
    pub fn covers(self, needed: Self) -> bool {
        self == needed || (self, needed) == (Self::Read, Self::Metrics)
    }
}

/// Not a scope.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a scope; use `metrics`, `read` or `operate`")]
pub struct UnknownScope(String);

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        match text {
            "metrics" => Ok(Self::Metrics),
            "read" => Ok(Self::Read),
            "operate" => Ok(Self::Operate),
            _ => Err(UnknownScope(text.to_owned())),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a token cannot be made or revoked.
#[derive(Debug, Error)]
pub enum TokenError {
    /// Empty, too long, or with control characters.
    #[error("a token's name has 1 to {NAME_CHARS_MAX} printable characters")]
    BadName,
    /// An active token has the name.
    #[error("there is an active token named `{0}`; revoke it first or choose another name")]
    NameTaken(String),
    /// No active token has this id or name.
    #[error("no active token has the name or id `{0}`")]
    NotFound(String),
    /// The operating system gives no random octets.
    #[error("no random numbers from the operating system: {0}")]
    Random(getrandom::Error),
    /// The store does not work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for TokenError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// One token as the store knows it: everything but the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it may be used for, as written.
    pub scope: String,
    /// Whose it is, if somebody's.
    pub person: Option<String>,
    /// When it was made, Unix milliseconds.
    pub created_ms: i64,
    /// When it was revoked, Unix milliseconds.
    pub revoked_ms: Option<i64>,
}

/// Who a token that was shown to us belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The token's id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it may be used for.
    pub scope: Scope,
}

/// The tokens of one store.
#[derive(Debug, Clone, Copy)]
pub struct Tokens<'a> {
    pool: &'a AnyPool,
    chain: &'a str,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(pool: &'a AnyPool, chain: &'a str) -> Self {
        Self { pool, chain }
    }

    /// Makes a token and gives its plain text: `sg_` and 43 characters. It cannot be had again. `by`
    /// is who makes it, for the record of changes.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn create(
        &self,
        name: &str,
        scope: Scope,
        person: Option<&str>,
        by: &str,
    ) -> Result<String, TokenError> {
        let length = name.chars().count();
        if length == 0 || length > NAME_CHARS_MAX || name.chars().any(char::is_control) {
            return Err(TokenError::BadName);
        }
        let plain = format!("{PREFIX}{}", base64url(&random::<SECRET_OCTETS>()?));
        let mut connection = self.pool.acquire().await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let made = sqlx::query(
            "INSERT INTO tokens (id, school, name, scope, person, sha256, created_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(hex(&random::<ID_OCTETS>()?))
        .bind(SCHOOL)
        .bind(name)
        .bind(scope.as_str())
        .bind(person)
        .bind(digest(&plain))
        .bind(now_ms())
        .execute(&mut *transaction)
        .await;
        match made {
            Ok(_) => {}
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                return Err(TokenError::NameTaken(name.to_owned()));
            }
            Err(error) => return Err(error.into()),
        }
        let holder = person.map_or_else(String::new, |person| format!(", held by {person}"));
        let detail = format!("scope {scope}{holder}");
        let deed = Deed { actor: by.to_owned(), action: "token.new", subject: name.to_owned(), detail };
        audit::append(&mut transaction, self.chain, &deed).await?;
        transaction.commit().await?;
        Ok(plain)
    }

    /// All tokens, the oldest first, revoked ones too.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self) -> Result<Vec<Token>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, name, scope, person, created_ms, revoked_ms FROM tokens
             WHERE school = $1 ORDER BY created_ms, id",
        )
        .bind(SCHOOL)
        .fetch_all(self.pool)
        .await?;
        let tokens = rows.iter().map(|row| {
            Ok(Token {
                id: row.try_get(0)?,
                name: row.try_get(1)?,
                scope: row.try_get(2)?,
                person: row.try_get(3)?,
                created_ms: row.try_get(4)?,
                revoked_ms: row.try_get(5)?,
            })
        });
        tokens.collect::<Result<_, sqlx::Error>>().map_err(StoreError::from)
    }

    /// Revokes the active token with this name or id, from the next request on. `by` is who does,
    /// for the record of changes.
    ///
    /// # Errors
    /// [`TokenError::NotFound`], or the store's.
    pub async fn revoke(&self, name_or_id: &str, by: &str) -> Result<(), TokenError> {
        let mut connection = self.pool.acquire().await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let revoked = sqlx::query(
            "UPDATE tokens SET revoked_ms = $1
             WHERE school = $2 AND revoked_ms IS NULL AND (id = $3 OR name = $3)",
        )
        .bind(now_ms())
        .bind(SCHOOL)
        .bind(name_or_id)
        .execute(&mut *transaction)
        .await?;
        if revoked.rows_affected() == 0 {
            return Err(TokenError::NotFound(name_or_id.to_owned()));
        }
        let (actor, subject) = (by.to_owned(), name_or_id.to_owned());
        let deed = Deed { actor, action: "token.revoke", subject, detail: String::new() };
        audit::append(&mut transaction, self.chain, &deed).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Looks for the active token with this plain text.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn check(&self, plain: &str) -> Result<Option<Held>, StoreError> {
        let shown = digest(plain);
        let rows = sqlx::query(
            "SELECT id, scope, sha256, name FROM tokens WHERE school = $1 AND revoked_ms IS NULL",
        )
        .bind(SCHOOL)
        .fetch_all(self.pool)
        .await?;
        let mut held = None;
        for row in &rows {
            let kept: String = row.try_get(2)?;
            // In constant time, and to the last row: how long this takes tells nothing.
            if bool::from(kept.as_bytes().ct_eq(shown.as_bytes())) {
                let scope: String = row.try_get(1)?;
                // A scope of a later version is one that we must not guess at.
                held = scope.parse().ok().map(|scope| (row, scope));
            }
        }
        held.map(|(row, scope)| Ok(Held { id: row.try_get(0)?, name: row.try_get(3)?, scope }))
            .transpose()
            .map_err(|error: sqlx::Error| error.into())
    }
}

fn random<const OCTETS: usize>() -> Result<[u8; OCTETS], TokenError> {
    let mut octets = [0; OCTETS];
    getrandom::fill(&mut octets).map_err(TokenError::Random)?;
    Ok(octets)
}

fn digest(plain: &str) -> String {
    hex(&Sha256::digest(plain.as_bytes()))
}

/// RFC 4648 section 5, without padding.
fn base64url(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len().div_ceil(3) * 4);
    for group in octets.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | u32::from(*group.get(at).unwrap_or(&0)));
        for place in 0..=group.len() {
            let index = bits >> (18 - 6 * place) & 0x3f;
            text.push(char::from(BASE64URL[index as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn base64url_is_the_one_of_the_rfc() {
        for (octets, text) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg")] {
            assert_eq!(base64url(octets.as_bytes()), text);
        }
        assert_eq!(base64url(&[0xfb, 0xff]), "-_8");
    }

    #[tokio::test]
    async fn a_token_lives_from_its_making_to_its_revoking() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).await.unwrap();
        let tokens = store.tokens();
        let plain = tokens.create("grafana", Scope::Metrics, None, "box:jane").await.unwrap();
        assert_eq!(plain.len(), 46);
        assert!(plain.starts_with(PREFIX));
        let other = tokens.create("head", Scope::Read, Some("a.head"), "box:jane").await.unwrap();
        assert!(matches!(
            tokens.create("grafana", Scope::Read, None, "box:jane").await,
            Err(TokenError::NameTaken(_))
        ));

        assert_eq!(tokens.check(&plain).await.unwrap().unwrap().scope, Scope::Metrics);
        assert_eq!(tokens.check(&other).await.unwrap().unwrap().scope, Scope::Read);
        assert_eq!(tokens.check(&other).await.unwrap().unwrap().name, "head");
        assert_eq!(tokens.check("sg_nonsense").await.unwrap(), None);

        tokens.revoke("grafana", "box:jane").await.unwrap();
        assert!(matches!(tokens.revoke("grafana", "box:jane").await, Err(TokenError::NotFound(_))));
        assert_eq!(tokens.check(&plain).await.unwrap(), None);
        let again = tokens.create("grafana", Scope::Metrics, None, "box:jane").await.unwrap();
        assert_ne!(again, plain);

        let list = tokens.list().await.unwrap();
        assert_eq!(list.len(), 3);
        assert_eq!(list.iter().filter(|token| token.revoked_ms.is_some()).count(), 1);
        assert_eq!(list.iter().find(|token| token.name == "head").unwrap().person.as_deref(), Some("a.head"));

        // Nothing in the file is the token.
        store.close().await;
        let bytes = std::fs::read(Store::file(directory.path())).unwrap();
        assert!(!bytes.windows(plain.len()).any(|window| window == plain.as_bytes()));
    }

    #[tokio::test]
    async fn names_are_what_can_be_shown() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).await.unwrap();
        for name in ["", "a\nb", &"x".repeat(NAME_CHARS_MAX + 1)] {
            let made = store.tokens().create(name, Scope::Read, None, "box:jane").await;
            assert!(matches!(made, Err(TokenError::BadName)), "{name:?}");
        }
        let longest = "x".repeat(NAME_CHARS_MAX);
        assert!(store.tokens().create(&longest, Scope::Read, None, "box:jane").await.is_ok());
    }
}
