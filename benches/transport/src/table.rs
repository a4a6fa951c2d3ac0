//! What was measured, and how it is printed.

use std::fmt;

/// Rows of numbers, a column for each implementation; the first one is ours.
pub(crate) struct Table {
    columns: Vec<&'static str>,
    /// How the ratio of the first column to each of the others is printed.
    as_share: bool,
    rows: Vec<Row>,
}

/// One measurement of every implementation in every round.
pub(crate) struct Row {
    what: String,
    unit: &'static str,
    /// By round, then by column.
    rounds: Vec<Vec<f64>>,
}

impl Row {
    pub(crate) fn new(what: &str, unit: &'static str) -> Self {
        Self {
            what: what.to_owned(),
            unit,
            rounds: Vec::new(),
        }
    }

    fn column(&self, column: usize) -> Vec<f64> {
        self.rounds.iter().map(|round| round[column]).collect()
    }

    fn ratios(&self, column: usize) -> Vec<f64> {
        self.rounds
            .iter()
            .map(|round| round[0] / round[column])
            .collect()
    }
}

impl Default for Table {
    fn default() -> Self {
        Self {
            columns: vec!["ours", "moq-lite 0.12.0", "moq-net 0.3.18", "the floor"],
            as_share: false,
            rows: Vec::new(),
        }
    }
}

impl Table {
    /// A track of ours as a share of a plain stream.
    pub(crate) fn quic() -> Self {
        Self {
            columns: vec!["ours", "quinn stream"],
            as_share: true,
            rows: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// One round: for each column a number for each row.
    pub(crate) fn record(&mut self, measured: &[Vec<f64>]) {
        for (index, row) in self.rows.iter_mut().enumerate() {
            row.rounds
                .push(measured.iter().map(|column| column[index]).collect());
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            writeln!(f, "{} {}", row.what, row.unit)?;
            for (column, name) in self.columns.iter().enumerate() {
                write!(f, "  {name:<16} {}", Spread::of(row.column(column)))?;
                if column > 0 {
                    let ratio = Spread::of(row.ratios(column));
                    let word = if self.as_share {
                        "ours is"
                    } else {
                        "ours/this"
                    };
                    write!(f, "   {word} {ratio}")?;
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}

struct Spread {
    least: f64,
    median: f64,
    greatest: f64,
}

impl Spread {
    fn of(mut numbers: Vec<f64>) -> Self {
        numbers.sort_by(f64::total_cmp);
        Self {
            least: numbers[0],
            median: numbers[numbers.len() / 2],
            greatest: numbers[numbers.len() - 1],
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.greatest.is_finite() {
            return f.pad("(none to compare with)");
        }
        let digits = if self.median < 100.0 { 2 } else { 0 };
        let Self {
            least,
            median,
            greatest,
        } = self;
        write!(
            f,
            "{median:>9.digits$} [{least:.digits$} .. {greatest:.digits$}]"
        )
    }
}
