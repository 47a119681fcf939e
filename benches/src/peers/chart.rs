//! Processor time an answer as bars: a small SVG that a browser and a README both show.

use std::fmt::Write as _;

use super::MIXES;
use super::rounds::Measured;
use crate::sample::figures;

const WIDTH: f64 = 760.0;
/// Where bars begin, and room on the right for their figures.
const LEFT: f64 = 190.0;
const RIGHT: f64 = 70.0;
const BAR: f64 = 12.0;
const GAP: f64 = 14.0;
const TOP: f64 = 48.0;
/// Apart in grey and for the colour-blind alike.
const COLOURS: [&str; 3] = ["#1b4f72", "#2e86c1", "#aed6f1"];

/// Draws every contender with a bar for each mix.
pub fn draw(all: &[Measured]) -> String {
    let value = |measured: &Measured, mix: usize| {
        measured.runs.get(mix).map_or(0.0, |runs| figures(&runs.own, |sample| sample.processor).median())
    };
    let values = all.iter().flat_map(|measured| (0..MIXES.len()).map(move |mix| value(measured, mix)));
    let most = values.fold(0.1_f64, f64::max);
    let bars = all.iter().map(|_| BAR * 3.0 + GAP).sum::<f64>();
    let height = TOP + bars + 10.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"11\" role=\"img\" aria-label=\"Processor time an answer\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"18\" font-size=\"14\">Processor time an answer, microseconds (median; shorter is better)</text>"
    );
    for ((at, mix), colour) in MIXES.iter().enumerate().zip(COLOURS) {
        let x = LEFT + f64::from(u8::try_from(at).unwrap_or(0)) * 90.0;
        // Writing into a string cannot fail.
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"28\" width=\"10\" height=\"10\" fill=\"{colour}\"/><text x=\"{}\" y=\"37\">{}</text>",
            x + 14.0,
            mix.name()
        );
    }
    let mut y = TOP;
    for measured in all {
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            y + BAR * 2.0 - 2.0,
            measured.name
        );
        for (mix, colour) in COLOURS.iter().enumerate() {
            let value = value(measured, mix);
            let length = (WIDTH - LEFT - RIGHT) * value / most;
            let _ = writeln!(
                svg,
                "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"{}\" fill=\"{colour}\"/>\
                 <text x=\"{:.1}\" y=\"{}\">{value:.2}</text>",
                BAR - 1.0,
                LEFT + length + 4.0,
                y + BAR - 3.0
            );
            y += BAR;
        }
        y += GAP;
    }
    svg.push_str("</svg>\n");
    svg
}
