//! Repeated measurements and how they are shown.

use std::time::Duration;

/// Some measurements of one thing, sorted.
#[derive(Debug, Clone)]
pub struct Figures(Vec<f64>);

impl Figures {
    /// Sorts them. At least one is wanted; none reads as zero.
    pub fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// Of durations, in seconds.
    pub fn of_seconds(values: &[Duration]) -> Self {
        Self::new(values.iter().map(Duration::as_secs_f64).collect())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The middle one.
    pub fn median(&self) -> f64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or(0.0)
    }

    /// The value within which this share (0 to 1) of them lies: nearest rank.
    pub fn within(&self, share: f64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let rank = (self.0.len() as f64 * share).ceil();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to the count")]
        let rank = rank.max(1.0) as usize;
        self.0.get(rank - 1).or(self.0.last()).copied().unwrap_or(0.0)
    }

    /// Bounds that hold the true median with at least 95 %, whatever the distribution: the order
    /// statistics that the binomial distribution of one half says. `None` for fewer than six.
    pub fn median_interval(&self) -> Option<(f64, f64)> {
        let count = self.0.len();
        let mut below = 0.5_f64.powi(i32::try_from(count).ok()?);
        let (mut term, mut rank) = (below, 0);
        // One more value is cut off each end while both tails together stay within 5 %.
        while below <= 0.025 && rank < count / 2 {
            rank += 1;
            #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
            let factor = (count - rank + 1) as f64 / rank as f64;
            term *= factor;
            below += term;
        }
        let low = self.0.get(rank.checked_sub(1)?)?;
        Some((*low, *self.0.get(count - rank)?))
    }

    /// That interval in words.
    pub fn interval_text(&self, places: usize) -> String {
        let text = |(low, high)| format!("{low:.places$} to {high:.places$}");
        self.median_interval().map_or("too few pairs".to_owned(), text)
    }

    /// The least and the most.
    pub fn range(&self) -> (f64, f64) {
        (self.0.first().copied().unwrap_or(0.0), self.0.last().copied().unwrap_or(0.0))
    }

    /// `median (least to most)`.
    pub fn brief(&self, places: usize) -> String {
        let (least, most) = self.range();
        format!("{:.places$} ({least:.places$} to {most:.places$})", self.median())
    }

    /// `median (least to most, n runs)`, with a unit.
    pub fn show(&self, unit: &str, places: usize) -> String {
        let least = self.0.first().copied().unwrap_or(0.0);
        let most = self.0.last().copied().unwrap_or(0.0);
        let runs = self.0.len();
        format!("{:.places$} {unit} ({least:.places$} to {most:.places$}, {runs} runs)", self.median())
    }
}

/// One line of the report's table.
#[derive(Debug)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// What came out, with its unit.
    pub figure: String,
    /// What it should be; empty where nothing was promised.
    pub aim: String,
    /// Whether it is; `None` without an aim.
    pub met: Option<bool>,
}

impl Row {
    /// A fact without an aim.
    pub fn fact(what: &str, figure: impl Into<String>) -> Self {
        Self { what: what.to_owned(), figure: figure.into(), aim: String::new(), met: None }
    }

    /// A figure that should be at most `most`.
    pub fn aim(what: &str, figure: impl Into<String>, value: f64, most: f64, unit: &str) -> Self {
        let met = Some(value <= most);
        Self { what: what.to_owned(), figure: figure.into(), aim: format!("<= {most} {unit}"), met }
    }
}

/// What stands above such rows; `all` finds goals by it.
pub const GOALS: [&str; 4] = ["what", "figure", "aim", "met"];

/// Rows as a Markdown table.
pub fn table(rows: &[Row]) -> String {
    let line = |row: &Row| {
        let met = row.met.map_or("", |met| if met { "yes" } else { "**no**" });
        vec![row.what.clone(), row.figure.clone(), row.aim.clone(), met.to_owned()]
    };
    markdown(&GOALS, &rows.iter().map(line).collect::<Vec<_>>())
}

/// Prints rows as a Markdown table.
pub fn print_table(rows: &[Row]) {
    print!("{}", table(rows));
}

/// A Markdown table: what stands above, then the lines.
pub fn markdown(head: &[&str], lines: &[Vec<String>]) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for line in lines {
        text.push_str(&format!("| {} |\n", line.join(" | ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_median_is_that_of_the_sign_test() {
        let of = |count: u32| Figures::new((1..=count).map(f64::from).collect()).median_interval();
        // Ranks from the tables of the binomial distribution.
        assert_eq!(of(5), None);
        assert_eq!(of(6), Some((1.0, 6.0)));
        assert_eq!(of(15), Some((4.0, 12.0)));
        assert_eq!(of(20), Some((6.0, 15.0)));
    }

    #[test]
    fn the_median_is_the_middle_one() {
        let figures = Figures::new(vec![3.0, 1.0, 2.0]);
        assert_eq!(figures.show("ns", 0), "2 ns (1 to 3, 3 runs)");
        assert_eq!((figures.within(0.5), figures.within(0.99), figures.range()), (2.0, 3.0, (1.0, 3.0)));
        assert_eq!(Row::aim("x", "2 ns", figures.median(), 1.0, "ns").met, Some(false));
    }
}
