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

    /// The middle one.
    pub fn median(&self) -> f64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or(0.0)
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

/// Prints rows as a Markdown table.
pub fn print_table(rows: &[Row]) {
    println!("| what | figure | aim | met |\n|---|---|---|---|");
    for row in rows {
        let met = row.met.map_or("", |met| if met { "yes" } else { "**no**" });
        println!("| {} | {} | {} | {met} |", row.what, row.figure, row.aim);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        let figures = Figures::new(vec![3.0, 1.0, 2.0]);
        assert_eq!(figures.show("ns", 0), "2 ns (1 to 3, 3 runs)");
        assert_eq!(Row::aim("x", "2 ns", figures.median(), 1.0, "ns").met, Some(false));
    }
}
