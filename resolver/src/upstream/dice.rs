//! Random numbers that nobody can foresee: ids, ports, letter case, which socket.
//!
//! They come from the operating system, fetched a page at a time: one call into the kernel serves some
//! hundred questions, and nothing but the kernel's generator is trusted. A page belongs to one thread;
//! what has been used is overwritten, so that a dump of memory does not tell past ids.

use std::cell::RefCell;
use std::io;

/// Octets fetched at a time.
const PAGE: usize = 1024;

struct Page {
    octets: [u8; PAGE],
    used: usize,
}

thread_local! {
    static HERE: RefCell<Page> = const { RefCell::new(Page { octets: [0; PAGE], used: PAGE }) };
}

/// So many unforeseeable octets; at most [`PAGE`].
///
/// # Errors
/// When the operating system has none to give.
pub(super) fn octets<const COUNT: usize>() -> io::Result<[u8; COUNT]> {
    HERE.with_borrow_mut(|page| {
        if page.octets.len().saturating_sub(page.used) < COUNT {
            getrandom::fill(&mut page.octets).map_err(io::Error::other)?;
            page.used = 0;
        }
        let mut taken = [0; COUNT];
        let source = page.octets.get_mut(page.used..page.used + COUNT).ok_or(io::ErrorKind::InvalidInput)?;
        taken.copy_from_slice(source);
        source.fill(0);
        page.used += COUNT;
        Ok(taken)
    })
}

/// 16 unforeseeable bits.
pub(super) fn bits16() -> io::Result<u16> {
    octets().map(u16::from_be_bytes)
}

/// 64 unforeseeable bits.
pub(super) fn bits64() -> io::Result<u64> {
    octets().map(u64::from_be_bytes)
}

/// A number below `bound` (0 when that is 0), each equally likely but for 1 part in 2^48 or less.
pub(super) fn below(bound: u16) -> io::Result<u16> {
    let number = bits64()? % u64::from(bound.max(1));
    Ok(u16::try_from(number).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fill_their_range_evenly() {
        let mut seen = [0_u32; 16];
        for _ in 0..16_000 {
            seen[usize::from(below(16).unwrap())] += 1;
        }
        // A thousand each; five standard deviations are about 150.
        assert!(seen.iter().all(|count| (800..1200).contains(count)), "{seen:?}");
        assert_eq!((below(0).unwrap(), below(1).unwrap()), (0, 0));
    }

    #[test]
    fn no_octet_is_given_twice_over_the_end_of_a_page() {
        let drawn: Vec<[u8; 100]> = (0..50).map(|_| octets().unwrap()).collect();
        let different: std::collections::HashSet<_> = drawn.iter().collect();
        assert_eq!(different.len(), drawn.len());
        assert!(octets::<{ PAGE + 1 }>().is_err(), "more than a page is refused, not cut");
    }
}
