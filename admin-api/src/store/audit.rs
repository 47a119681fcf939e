//! The record of who changed what: append-only, each entry sealing the one before by its hash.
//!
//! Whoever rewrites an entry has to rewrite every later one, and then the chain's head code is
//! another than the one that was written down elsewhere (`audit verify --witness CODE`). Root can
//! remove the record; it cannot do so unseen by whoever kept a code.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool, Connection, Row};
use thiserror::Error;

use super::{SCHOOL, StoreError, hex, now_ms};

/// What the first entry of a chain has for the hash of the one before.
const BEGINNING: &str = "";
/// Entries that are checked with one statement.
const CHECKED_AT_ONCE: i64 = 1000;
/// Hex digits of a hash in a head code.
const CODE_DIGITS: usize = 16;

/// Something that somebody did, to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// Who did it: `box:<user>` for a person at the box, `token:<name>` for whoever holds that token, `file` for
    /// the policy file's author, `schoolgate` for the program itself.
    pub actor: String,
    /// What was done, as `thing.verb`: `token.new`, `policy.revision`.
    pub action: &'static str,
    /// To what: a name, an id, a number.
    pub subject: String,
    /// What else is worth knowing, as a sentence or empty. Never a secret, never a client.
    pub detail: String,
}

/// One entry of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the chain of this box, from 1.
    pub seq: i64,
    /// When it was written, Unix milliseconds.
    pub at_ms: i64,
    /// See [`Deed`].
    pub actor: String,
    /// See [`Deed`].
    pub action: String,
    /// See [`Deed`].
    pub subject: String,
    /// See [`Deed`].
    pub detail: String,
    /// The hash of the entry before, in hex; empty for the first.
    pub prev: String,
    /// SHA-256 over all of the above and the box, in hex.
    pub hash: String,
}

impl Entry {
    fn read(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            seq: row.try_get(0)?,
            at_ms: row.try_get(1)?,
            actor: row.try_get(2)?,
            action: row.try_get(3)?,
            subject: row.try_get(4)?,
            detail: row.try_get(5)?,
            prev: row.try_get(6)?,
            hash: row.try_get(7)?,
        })
    }

    /// The hash that this entry must have. Every field stands behind its length, so that no two
    /// entries can be read from the same octets.
    fn sealed(&self, chain: &str) -> String {
        let (seq, at_ms) = (self.seq.to_string(), self.at_ms.to_string());
        let fields =
            [SCHOOL, chain, &seq, &at_ms, &self.actor, &self.action, &self.subject, &self.detail, &self.prev];
        let mut digest = Sha256::new();
        for field in fields {
            digest.update((field.len() as u64).to_be_bytes());
            digest.update(field.as_bytes());
        }
        hex(&digest.finalize())
    }
}

/// How far a chain goes: the number and the hash of its last entry. Number 0 is an empty chain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// Number of the last entry.
    pub seq: i64,
    /// Its hash, in hex.
    pub hash: String,
}

impl Head {
    /// The code to write down elsewhere: the number, and the first digits of the hash.
    #[must_use]
    pub fn code(&self) -> Code {
        Code { seq: self.seq, digits: self.hash.chars().take(CODE_DIGITS).collect() }
    }
}

/// A head code, as governors keep it: `42-9f86d081884c7d65`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    seq: i64,
    digits: String,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.seq, self.digits)
    }
}

/// Not a head code.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is not a head code; one looks like 42-9f86d081884c7d65, as `schoolgate audit verify` prints it"
)]
pub struct NoCode(String);

impl FromStr for Code {
    type Err = NoCode;

    fn from_str(text: &str) -> Result<Self, NoCode> {
        let parts = text.trim().split_once('-').and_then(|(seq, digits)| Some((seq.parse().ok()?, digits)));
        match parts {
            Some((seq, digits))
                if digits.len() == CODE_DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) =>
            {
                Ok(Self { seq, digits: digits.to_ascii_lowercase() })
            }
            _ => Err(NoCode(text.to_owned())),
        }
    }
}

/// Why a record is not whole.
#[derive(Debug, Error)]
pub enum AuditError {
    /// An entry is missing, was changed, or does not follow the one before.
    #[error("the record of changes is not whole: entry {seq} {what}")]
    Broken {
        /// The first entry that is wrong.
        seq: i64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The store does not work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for AuditError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The record of one box.
#[derive(Debug, Clone, Copy)]
pub struct Audit<'a> {
    pool: &'a AnyPool,
    chain: &'a str,
}

impl<'a> Audit<'a> {
    pub(super) fn new(pool: &'a AnyPool, chain: &'a str) -> Self {
        Self { pool, chain }
    }

    /// Appends an entry. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn append(&self, deed: &Deed) -> Result<Entry, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let entry = append(&mut transaction, self.chain, deed).await?;
        transaction.commit().await?;
        Ok(entry)
    }

    /// Entries after the one with number `after`, the oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn page(&self, after: i64, limit: i64) -> Result<Vec<Entry>, StoreError> {
        let rows = sqlx::query(
            "SELECT seq, at_ms, actor, action, subject, detail, prev, hash FROM audit
             WHERE school = $1 AND box = $2 AND seq > $3 ORDER BY seq LIMIT $4",
        )
        .bind(SCHOOL)
        .bind(self.chain)
        .bind(after)
        .bind(limit)
        .fetch_all(self.pool)
        .await?;
        rows.iter().map(Entry::read).collect::<Result<_, sqlx::Error>>().map_err(StoreError::from)
    }

    /// Checks every entry after `from`, which was checked before, and gives the head.
    ///
    /// # Errors
    /// [`AuditError::Broken`] at the first entry that is wrong; [`AuditError::Store`].
    pub async fn verify(&self, from: Head) -> Result<Head, AuditError> {
        self.follow(from, &mut |_| {}).await
    }

    /// Checks the whole chain, and whether a head code that was written down earlier is of it.
    ///
    /// # Errors
    /// As for [`verify`](Self::verify).
    pub async fn verify_witness(&self, code: &Code) -> Result<(Head, bool), AuditError> {
        let mut is_of_it = false;
        let head = self
            .follow(Head::default(), &mut |entry| {
                is_of_it |= entry.seq == code.seq && entry.hash.starts_with(&code.digits);
            })
            .await?;
        Ok((head, is_of_it))
    }

    async fn follow(&self, from: Head, note: &mut (dyn FnMut(&Entry) + Send)) -> Result<Head, AuditError> {
        let mut head = from;
        loop {
            let entries = self.page(head.seq, CHECKED_AT_ONCE).await?;
            if entries.is_empty() {
                return Ok(head);
            }
            for entry in entries {
                let broken = |what| AuditError::Broken { seq: entry.seq, what };
                if entry.seq != head.seq + 1 {
                    return Err(AuditError::Broken { seq: head.seq + 1, what: "is missing" });
                }
                if entry.prev != head.hash {
                    return Err(broken("does not follow the one before"));
                }
                if entry.hash != entry.sealed(self.chain) {
                    return Err(broken("was changed after it was written"));
                }
                note(&entry);
                head = Head { seq: entry.seq, hash: entry.hash };
            }
        }
    }
}

/// Appends an entry inside a transaction that has the write lock, so that a deed and its record are
/// written together or not at all.
pub(super) async fn append(
    transaction: &mut AnyConnection,
    chain: &str,
    deed: &Deed,
) -> Result<Entry, sqlx::Error> {
    let last =
        sqlx::query("SELECT seq, hash FROM audit WHERE school = $1 AND box = $2 ORDER BY seq DESC LIMIT 1")
            .bind(SCHOOL)
            .bind(chain)
            .fetch_optional(&mut *transaction)
            .await?;
    let (seq, prev) = match last {
        Some(row) => (row.try_get::<i64, _>(0)?, row.try_get::<String, _>(1)?),
        None => (0, BEGINNING.to_owned()),
    };
    let mut entry = Entry {
        seq: seq + 1,
        at_ms: now_ms(),
        actor: deed.actor.clone(),
        action: deed.action.to_owned(),
        subject: deed.subject.clone(),
        detail: deed.detail.clone(),
        prev,
        hash: String::new(),
    };
    entry.hash = entry.sealed(chain);
    sqlx::query(
        "INSERT INTO audit (school, box, seq, at_ms, actor, action, subject, detail, prev, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(SCHOOL)
    .bind(chain)
    .bind(entry.seq)
    .bind(entry.at_ms)
    .bind(&entry.actor)
    .bind(&entry.action)
    .bind(&entry.subject)
    .bind(&entry.detail)
    .bind(&entry.prev)
    .bind(&entry.hash)
    .execute(&mut *transaction)
    .await?;
    Ok(entry)
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
