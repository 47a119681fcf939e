//! The Prometheus text format, filled from plain numbers at the time of the scrape.
//!
//! The data plane counts in atomics of its own and knows nothing of Prometheus; here its readings
//! become metric families. Nothing is kept between two scrapes.

use prometheus::TextEncoder;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

/// Labels of one sample: names and values.
pub(crate) type Labels<'a> = &'a [(&'static str, &'a str)];

/// One page of metrics in the making.
#[derive(Default)]
pub(crate) struct Page {
    families: Vec<MetricFamily>,
}

/// One metric family in the making. Samples may repeat no labels.
pub(crate) struct Family<'a> {
    page: &'a mut Page,
    kind: MetricType,
    family: MetricFamily,
}

impl Page {
    /// A family of counters.
    pub(crate) fn counters(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::COUNTER)
    }

    /// A family of gauges.
    pub(crate) fn gauges(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::GAUGE)
    }

    /// A family of histograms.
    pub(crate) fn histograms(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::HISTOGRAM)
    }

    fn family(&mut self, name: &str, help: &str, kind: MetricType) -> Family<'_> {
        let mut family = MetricFamily::default();
        family.set_name(format!("schoolgate_{name}"));
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        Family { page: self, kind, family }
    }

    /// The page as text.
    ///
    /// # Errors
    /// When a family is not well formed.
    pub(crate) fn text(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.families)
    }
}

impl Family<'_> {
    /// Adds a counter or gauge.
    pub(crate) fn sample(&mut self, labels: Labels<'_>, value: f64) -> &mut Self {
        let mut metric = Metric::from_label(pairs(labels));
        if self.kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        self.family.mut_metric().push(metric);
        self
    }

    /// Adds a whole number.
    pub(crate) fn count(&mut self, labels: Labels<'_>, value: u64) -> &mut Self {
        self.sample(labels, number(value))
    }

    /// Adds a histogram: upper bounds in seconds, the counts between them (one more for the rest),
    /// and the sum in seconds.
    pub(crate) fn durations(
        &mut self,
        labels: Labels<'_>,
        bounds: impl IntoIterator<Item = f64>,
        counts: &[u64],
        sum: f64,
    ) -> &mut Self {
        let mut total = 0;
        let mut cumulative = counts.iter().map(|count| {
            total += count;
            total
        });
        let buckets = bounds.into_iter().zip(&mut cumulative).map(|(bound, count)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(count);
            bucket
        });
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(counts.iter().sum());
        histogram.set_sample_sum(sum);
        let mut metric = Metric::from_label(pairs(labels));
        metric.set_histogram(histogram);
        self.family.mut_metric().push(metric);
        self
    }
}

impl Drop for Family<'_> {
    /// Puts the family on the page; one without samples is left out.
    fn drop(&mut self) {
        if !self.family.get_metric().is_empty() {
            self.page.families.push(std::mem::take(&mut self.family));
        }
    }
}

fn pairs(labels: Labels<'_>) -> Vec<LabelPair> {
    let pair = |&(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    labels.iter().map(pair).collect()
}

/// As the format has it: exact up to 2^53, which no counter here reaches.
#[expect(clippy::cast_precision_loss, reason = "counters stay far below 2^53")]
fn number(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_become_text() {
        let mut page = Page::default();
        page.counters("a_total", "As.").count(&[("x", "q\"uote")], 3).count(&[("x", "y")], 4);
        page.gauges("empty", "Left out.");
        page.histograms("t_seconds", "Times.").durations(&[], [0.001, 0.1], &[1, 2, 3], 7.5);
        let text = page.text().unwrap();
        assert_eq!(
            text,
            "# HELP schoolgate_a_total As.\n# TYPE schoolgate_a_total counter\n\
             schoolgate_a_total{x=\"q\\\"uote\"} 3\nschoolgate_a_total{x=\"y\"} 4\n\
             # HELP schoolgate_t_seconds Times.\n# TYPE schoolgate_t_seconds histogram\n\
             schoolgate_t_seconds_bucket{le=\"0.001\"} 1\nschoolgate_t_seconds_bucket{le=\"0.1\"} 3\n\
             schoolgate_t_seconds_bucket{le=\"+Inf\"} 6\n\
             schoolgate_t_seconds_sum 7.5\nschoolgate_t_seconds_count 6\n"
        );
    }
}
