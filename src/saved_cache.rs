//! The cache of answers over a restart, as a file that is safe to lose.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use resolver::Engine;
use sha2::{Digest, Sha256};

use crate::config::Config;

/// Takes up what the run before saved; a file that is not fit is removed.
pub fn restore(config: &Config, engine: &Engine) {
    let Some(path) = &config.cache_file else { return };
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return,
        Err(error) => return tracing::warn!("the saved cache {} is not used: {error}", path.display()),
    };
    match engine.restore_cache(&bytes, upstreams(config)) {
        Ok(answers) => tracing::info!("{answers} answers of the run before are in the cache"),
        Err(error) => {
            tracing::warn!("the saved cache {} is dropped: {error}", path.display());
            let _ = fs::remove_file(path);
        }
    }
}

/// Saves what the cache holds, whole or not at all.
pub fn save(config: &Config, engine: &Engine) {
    let Some(path) = &config.cache_file else { return };
    if let Err(error) = write(path, &engine.save_cache(upstreams(config))) {
        tracing::warn!("the cache could not be saved to {}: {error}", path.display());
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Tells these upstreams from others: an answer is good for those only who gave it.
fn upstreams(config: &Config) -> [u8; 32] {
    Sha256::digest(format!("{:?}", config.upstream)).into()
}
