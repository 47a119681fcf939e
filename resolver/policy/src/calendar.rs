//! `[calendar]`: read and checked, so that a file that is accepted today still is when periods are
//! acted upon. Until then a category that is open at certain times is blocked.

use crate::document::{Document, DocumentError, Text};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Checks everything that the calendar says.
///
/// # Errors
/// [`DocumentError`] for the first day, time or date that is none, or that ends before it starts.
pub(crate) fn check(document: &Document) -> Result<(), DocumentError> {
    if let Some(zone) = &document.written.timezone {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte);
        if zone.get_ref().is_empty() || !zone.get_ref().bytes().all(good) {
            return Err(document
                .error(zone, format!("`{}` is not a time zone such as Europe/London", zone.get_ref())));
        }
    }
    let calendar = &document.written.calendar;
    for period in calendar.periods.values() {
        check_days(document, &period.days)?;
        let (from, until) = (time(document, &period.from)?, time(document, &period.until)?);
        if from >= until {
            return Err(document.error(&period.until, "the period ends before it starts"));
        }
    }
    for term in &calendar.terms {
        check_order(
            document,
            &term.from,
            date(document, &term.from, None)?,
            date(document, &term.until, None)?,
        )?;
    }
    for days in &calendar.closed {
        let (from, until) = days.get_ref().split_once("..").unwrap_or((days.get_ref(), days.get_ref()));
        check_order(document, days, date(document, days, Some(from))?, date(document, days, Some(until))?)?;
    }
    Ok(())
}

/// Checks a single date.
///
/// # Errors
/// [`DocumentError`] when it is none.
pub(crate) fn check_date(document: &Document, text: &Text) -> Result<(), DocumentError> {
    date(document, text, None).map(drop)
}

type Date = (u16, u8, u8);

fn check_order(document: &Document, at: &Text, from: Date, until: Date) -> Result<(), DocumentError> {
    if from > until { Err(document.error(at, "the last day is before the first")) } else { Ok(()) }
}

fn check_days(document: &Document, text: &Text) -> Result<(), DocumentError> {
    let known = |day: &str| DAYS.contains(&day.trim());
    let good = text.get_ref().split(',').all(|part| match part.split_once('-') {
        Some((first, last)) => known(first) && known(last),
        None => known(part),
    });
    if good {
        Ok(())
    } else {
        Err(document.error(text, format!("`{}` are not days such as mon-fri or sat,sun", text.get_ref())))
    }
}

fn time(document: &Document, text: &Text) -> Result<(u8, u8), DocumentError> {
    let parsed = text
        .get_ref()
        .split_once(':')
        .and_then(|(hour, minute)| Some((digits(hour, 2)?, digits(minute, 2)?)));
    match parsed {
        Some((hour, minute)) if hour < 24 && minute < 60 => Ok((small(hour), small(minute))),
        _ => Err(document.error(text, format!("`{}` is not a time such as 12:15", text.get_ref()))),
    }
}

/// Reads `part`, or the whole text, as `YYYY-MM-DD`.
fn date(document: &Document, text: &Text, part: Option<&str>) -> Result<Date, DocumentError> {
    let part = part.unwrap_or(text.get_ref()).trim();
    let mut fields = part.split('-');
    let parsed =
        (|| Some((digits(fields.next()?, 4)?, digits(fields.next()?, 2)?, digits(fields.next()?, 2)?)))();
    match (parsed, fields.next()) {
        (Some((year, month, day)), None) if (1..=days_in(year, month)).contains(&day) => {
            Ok((year, small(month), small(day)))
        }
        _ => Err(document.error(text, format!("`{part}` is not a date such as 2026-09-02"))),
    }
}

fn days_in(year: u16, month: u16) -> u16 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    }
}

fn digits(text: &str, count: usize) -> Option<u16> {
    let all = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

fn small(number: u16) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}
