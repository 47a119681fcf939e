//! How each block list is kept, from what `[[source]]` says: `refresh`, `checksum`, `checksum_url`,
//! `minisign`, `shrink`, `growth`, `canary`.

use std::collections::BTreeMap;
use std::time::Duration;

use blocklists::masked;
use blocklists::name::Name;
use blocklists::upkeep::{Proof, REFRESH_MIN, Upkeep};

use super::build::checked_url;
use crate::document::{Document, DocumentError, Text, WrittenSource};

/// Length of a minisign public key: 42 bytes in base64.
const MINISIGN_KEY_LENGTH: usize = 56;

/// The upkeep of every declared source.
pub(super) fn all(
    document: &Document,
    warnings: &mut Vec<String>,
) -> Result<BTreeMap<String, Upkeep>, DocumentError> {
    let mut all = BTreeMap::new();
    for written in &document.written.source {
        let id = written.id.get_ref();
        if written.url.as_ref().is_some_and(|url| masked::has_user(url.get_ref())) {
            warnings.push(format!(
                "the `url` of source `{id}` holds a name or password, which everybody sees who may read this file; \
                 put it into the file of [lists] credentials"
            ));
        }
        all.insert(id.clone(), of(document, written)?);
    }
    Ok(all)
}

fn of(document: &Document, written: &WrittenSource) -> Result<Upkeep, DocumentError> {
    let mut upkeep = Upkeep { proof: proof(document, written)?, ..Upkeep::default() };
    if let Some(text) = &written.refresh {
        upkeep.refresh = refresh(document, text)?;
    }
    if let Some(shrink) = &written.shrink {
        let percent = u8::try_from(*shrink.get_ref()).ok().filter(|percent| *percent <= 100);
        let wrong = || document.error(shrink, "`shrink` is a share in percent, 0 to 100");
        upkeep.shrink_percent = percent.ok_or_else(wrong)?;
    }
    if let Some(growth) = &written.growth {
        upkeep.growth_times = *growth.get_ref();
        if upkeep.growth_times == 0 {
            return Err(
                document.error(growth, "`growth` says how many times as long the list may become; 1 or more")
            );
        }
    }
    for text in &written.canary {
        let name = Name::parse(text.get_ref());
        let wrong = |why| document.error(text, format!("`{}` is not a name: {why}", text.get_ref()));
        upkeep.canary.push(name.map_err(wrong)?);
    }
    Ok(upkeep)
}

fn refresh(document: &Document, text: &Text) -> Result<Duration, DocumentError> {
    let written = text.get_ref();
    let seconds = [('m', 60), ('h', 3600), ('d', 86_400)].into_iter().find_map(|(unit, factor)| {
        u64::from(written.strip_suffix(unit)?.parse::<u32>().ok()?).checked_mul(factor)
    });
    match seconds.map(Duration::from_secs) {
        Some(refresh) if refresh >= REFRESH_MIN => Ok(refresh),
        Some(_) => Err(document.error(
            text,
            format!(
                "`{written}` is too often: a list is fetched every {} minutes at most",
                REFRESH_MIN.as_secs() / 60
            ),
        )),
        None => {
            Err(document.error(text, format!("`{written}` is not a time such as \"30m\", \"24h\" or \"7d\"")))
        }
    }
}

fn proof(document: &Document, written: &WrittenSource) -> Result<Option<Proof>, DocumentError> {
    let proofs: Vec<&Text> =
        [&written.checksum, &written.checksum_url, &written.minisign].into_iter().flatten().collect();
    let first = match proofs[..] {
        [] => return Ok(None),
        [first] => first,
        [_, second, ..] => {
            return Err(
                document.error(second, "a source is proved in one way: checksum, checksum_url or minisign")
            );
        }
    };
    if written.url.is_none() {
        return Err(document.error(first, "only what is fetched from a `url` is proved"));
    }
    if let Some(text) = &written.checksum {
        return sha256(document, text).map(Some);
    }
    if let Some(url) = &written.checksum_url {
        return Ok(Some(Proof::ChecksumUrl(checked_url(document, url)?)));
    }
    let key = first.get_ref();
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    if !key.starts_with("RW") || key.len() != MINISIGN_KEY_LENGTH || !key.bytes().all(is_base64) {
        let message = "this is not a minisign public key: 56 characters that start with RW, the second line of a .pub file";
        return Err(document.error(first, message));
    }
    Ok(Some(Proof::Minisign(key.clone())))
}

fn sha256(document: &Document, text: &Text) -> Result<Proof, DocumentError> {
    let digits = text.get_ref().strip_prefix("sha256:");
    let digits =
        digits.filter(|digits| digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    match digits {
        Some(digits) => Ok(Proof::Sha256(digits.to_ascii_lowercase())),
        None => Err(document.error(text, "a checksum is written \"sha256:\" and 64 hex digits")),
    }
}
