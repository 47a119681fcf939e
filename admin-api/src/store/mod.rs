//! The store: the only place with SQL.
//!
//! Statements are portable between SQLite and PostgreSQL (through sqlx `Any`): `$n` placeholders,
//! TEXT and BIGINT columns only, keys made by us, `school` on every row. DNS never waits for any of
//! this: with the store gone or damaged, names are decided as before and only the API says so.

mod audit;
mod live;
mod migrations;
mod tokens;

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use blocklists_update::give_to_owner_of;
use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, AnyPool, Connection};
use thiserror::Error;

pub use audit::{Audit, AuditError, Code, Deed, Entry, Head, NoCode};
pub use live::LiveStore;
pub use tokens::{Held, NAME_CHARS_MAX, Scope, Token, TokenError, Tokens, UnknownScope};

/// The one school of a box that serves one school; every row carries it.
pub const SCHOOL: &str = "school";
/// Name of the database file in the state directory.
const FILE: &str = "store.db";
/// Name of the file in the state directory that tells this box from others that share a store.
const BOX_FILE: &str = "box.id";
/// Random octets of a box's name.
const BOX_OCTETS: usize = 8;
/// How long a statement waits for another process that writes (SQLite busy_timeout).
pub const BUSY: Duration = Duration::from_secs(5);
/// Connections of one process: the API is used by a few people and a scraper.
const CONNECTIONS_MAX: u32 = 4;

/// Why the store cannot be used.
#[derive(Debug, Error)]
pub enum StoreError {
    /// There is no such file.
    #[error("the store {0} does not exist")]
    Missing(PathBuf),
    /// The file cannot be opened or made.
    #[error("the store {path} cannot be opened: {error}")]
    File {
        /// The database file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// The file is not a database, or a damaged one.
    #[error("the store is damaged: {0}")]
    Damaged(sqlx::Error),
    /// A later version of this program has changed it.
    #[error("the store was written by a later version (schema {found}, this version knows {known})")]
    Later {
        /// The schema of the file.
        found: i64,
        /// The last one that we know.
        known: i64,
    },
    /// Anything else that the database says: full disk, locked for too long.
    #[error("the store does not work: {0}")]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        // SQLite: 11 SQLITE_CORRUPT, 26 SQLITE_NOTADB; extended codes carry them in the low byte.
        let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
        match code.map(|code| code & 0xff) {
            Some(11 | 26) => Self::Damaged(error),
            _ => Self::Database(error),
        }
    }
}

/// An open store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pool: AnyPool,
    /// The name of this box, whose record of changes is a chain of its own.
    chain: Arc<str>,
}

impl Store {
    /// The database file in the state directory.
    #[must_use]
    pub fn file(data: &Path) -> PathBuf {
        data.join(FILE)
    }

    /// Opens the store of a state directory, makes it (file mode 0600) if it is not there, and
    /// brings it to this version's schema.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(data: &Path) -> Result<Self, StoreError> {
        let path = &Self::file(data);
        let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
        let made = made.map_err(|error| StoreError::File { path: path.clone(), error })?;
        // SQLite gives the files that it makes beside this one to the same owner.
        give_to_owner_of(data, &made);
        Self::connect(path, name_of_box(data)?).await
    }

    /// Opens a store that is there already.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Missing`] when it is not there.
    pub async fn open_existing(data: &Path) -> Result<Self, StoreError> {
        let path = Self::file(data);
        if !path.exists() {
            return Err(StoreError::Missing(path));
        }
        Self::connect(&path, name_of_box(data)?).await
    }

    async fn connect(path: &Path, chain: Arc<str>) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let url = url(path);
        // One connection first, by itself: the pool would try again and again on a damaged file.
        let mut first = AnyConnection::connect(&url).await?;
        prepare(&mut first).await?;
        migrations::run(&mut first).await?;
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(BUSY)
            .after_connect(|connection, _| Box::pin(prepare(connection)))
            .connect_lazy(&url)?;
        first.close().await?;
        Ok(Self { pool, chain })
    }

    /// The tokens.
    #[must_use]
    pub fn tokens(&self) -> Tokens<'_> {
        Tokens::new(&self.pool, &self.chain)
    }

    /// The record of changes of this box.
    #[must_use]
    pub fn audit(&self) -> Audit<'_> {
        Audit::new(&self.pool, &self.chain)
    }

    /// Closes all connections; what was written is in the file then.
    pub async fn close(self) {
        self.pool.close().await;
    }
}

/// The busy timeout comes first: switching to WAL needs the lock for a moment. FULL makes what was
/// acknowledged survive a power cut.
const PRAGMAS: [&str; 4] = [
    "PRAGMA busy_timeout = 5000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
];

/// Sets up a new connection.
async fn prepare(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    for pragma in PRAGMAS {
        sqlx::query(pragma).execute(&mut *connection).await?;
    }
    Ok(())
}

/// The path as a `sqlite:` URL: everything that a URL could read otherwise is percent-encoded.
fn url(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;

    let mut url = "sqlite:".to_owned();
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                url.push(char::from(byte));
            }
            // Writing to a String does not fail.
            _ => {
                let _ = write!(url, "%{byte:02X}");
            }
        }
    }
    url
}

/// The name of the box with this state directory; given once, at random.
fn name_of_box(data: &Path) -> Result<Arc<str>, StoreError> {
    let path = data.join(BOX_FILE);
    let file = |error| StoreError::File { path: path.clone(), error };
    if let Err(error) = std::fs::metadata(&path) {
        if error.kind() != io::ErrorKind::NotFound {
            return Err(file(error));
        }
        let mut octets = [0; BOX_OCTETS];
        getrandom::fill(&mut octets).map_err(|error| file(io::Error::other(error)))?;
        let mut made = tempfile::NamedTempFile::new_in(data).map_err(file)?;
        let written = io::Write::write_all(&mut made, hex(&octets).as_bytes());
        written.and_then(|()| made.as_file().sync_all()).map_err(file)?;
        give_to_owner_of(data, made.as_file());
        // Of two that start at once, the first one's name holds.
        match made.persist_noclobber(&path) {
            Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(file(error.error));
            }
            _ => {}
        }
    }
    let name = std::fs::read_to_string(&path).map_err(file)?;
    match name.trim() {
        "" => Err(file(io::Error::other("it is empty; remove it, and the record of changes begins anew"))),
        name => Ok(name.into()),
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        // Writing to a String does not fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// Milliseconds since 1970; 0 before it.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn the_file_is_ours_alone_and_opens_again() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("a % strange? #name");
        std::fs::create_dir(&data).unwrap();
        assert!(matches!(Store::open_existing(&data).await, Err(StoreError::Missing(_))));
        Store::open(&data).await.unwrap().close().await;
        let mode = std::fs::metadata(Store::file(&data)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        Store::open_existing(&data).await.unwrap().close().await;
    }

    #[tokio::test]
    async fn what_an_administrator_makes_belongs_to_the_servers_user() {
        use std::os::unix::fs::{MetadataExt, chown};
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().metadata().unwrap().uid() == 0;
        if root {
            // Somebody else's state directory; for others it is their own.
            chown(directory.path(), Some(65_534), Some(65_534)).unwrap();
        }
        let store = Store::open(directory.path()).await.unwrap();
        store.tokens().create("grafana", Scope::Read, None, "box:root").await.unwrap();
        let owner = directory.path().metadata().unwrap().uid();
        let mut files = 0;
        for file in std::fs::read_dir(directory.path()).unwrap() {
            let file = file.unwrap();
            assert_eq!(file.metadata().unwrap().uid(), owner, "{file:?}");
            files += 1;
        }
        assert!(files >= 2, "the store and the name of the box");
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_damaged() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(Store::file(directory.path()), vec![0x5a; 8192]).unwrap();
        assert!(matches!(Store::open(directory.path()).await, Err(StoreError::Damaged(_))));
    }

    #[tokio::test]
    async fn a_store_of_a_later_version_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).await.unwrap();
        sqlx::query("INSERT INTO migrations (version, applied_ms) VALUES (9999, 0)")
            .execute(&store.pool)
            .await
            .unwrap();
        store.close().await;
        assert!(matches!(Store::open(directory.path()).await, Err(StoreError::Later { found: 9999, .. })));
    }
}
