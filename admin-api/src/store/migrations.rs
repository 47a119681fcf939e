//! The schema, as the steps that lead to it. A step that was released is never changed again.

use sqlx::{AnyConnection, Connection};

use super::{StoreError, now_ms};

/// The steps; version 1 is the first.
const STEPS: [&[&str]; 2] = [
    &[
        "CREATE TABLE tokens (
        id TEXT NOT NULL PRIMARY KEY,
        school TEXT NOT NULL,
        name TEXT NOT NULL,
        scope TEXT NOT NULL,
        person TEXT,
        sha256 TEXT NOT NULL,
        created_ms BIGINT NOT NULL,
        revoked_ms BIGINT
    )",
        // A name can be used again once its token is revoked.
        "CREATE UNIQUE INDEX tokens_active_name ON tokens (school, name) WHERE revoked_ms IS NULL",
    ],
    &["CREATE TABLE audit (
        school TEXT NOT NULL,
        box TEXT NOT NULL,
        seq BIGINT NOT NULL,
        at_ms BIGINT NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        subject TEXT NOT NULL,
        detail TEXT NOT NULL,
        prev TEXT NOT NULL,
        hash TEXT NOT NULL,
        PRIMARY KEY (school, box, seq)
    )"],
];

/// Brings the database to the last version, all missing steps in one transaction.
///
/// # Errors
/// [`StoreError::Later`] when it is past that already, else what the database says.
pub(super) async fn run(connection: &mut AnyConnection) -> Result<(), StoreError> {
    // Takes the write lock at once: two processes that start together do not both migrate.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS migrations (
            version BIGINT NOT NULL PRIMARY KEY,
            applied_ms BIGINT NOT NULL
        )",
    )
    .execute(&mut *transaction)
    .await?;
    let found: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM migrations")
        .fetch_one(&mut *transaction)
        .await?;
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(StoreError::Later { found, known });
    }
    for (version, statements) in (1_i64..).zip(STEPS).filter(|&(version, _)| version > found) {
        for &statement in statements {
            sqlx::query(statement).execute(&mut *transaction).await?;
        }
        sqlx::query("INSERT INTO migrations (version, applied_ms) VALUES ($1, $2)")
            .bind(version)
            .bind(now_ms())
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(())
}
