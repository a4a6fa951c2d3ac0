//! Reads what Chromium's made-up camera draws: a disc that turns by 600 degrees a second, and a clock in digits above it.
//!
//! With every tenth picture the made-up microphone beeps. Which of the ten it is cannot be told from the clock, which begins
//! with the first picture, however late that is.

/// A picture that was read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reading {
    /// Milliseconds of the clock, up to whole turns of the disc.
    pub(crate) phase: f64,
    /// Whether the digits say that a second is less than 100 ms old.
    pub(crate) whole_second: bool,
}

/// Milliseconds of a turn: the camera draws 361 degrees.
pub(crate) const TURN: f64 = 361.0 / 0.6;

/// `picture` is luma without padding.
pub(crate) fn read(picture: &[u8], width: usize) -> Option<Reading> {
    let height = picture.len() / width;
    let degrees = disc(picture, width, height)?;
    let digits = digits(picture, width, height)?;
    // The clock is h:mm:ss:mmm, and a number of the picture follows.
    if digits.len() < 12 {
        return None;
    }
    Some(Reading {
        phase: phase(degrees),
        whole_second: alike(&digits[0], &digits[8]),
    })
}

/// Milliseconds of the clock when so many degrees of the disc are drawn, up to whole turns.
pub(crate) fn phase(degrees: usize) -> f64 {
    degrees as f64 / 0.6
}

/// How many degrees of the disc are drawn.
fn disc(picture: &[u8], width: usize, height: usize) -> Option<usize> {
    let radius = width.min(height) as f64 / 4.0 * 0.7;
    let level = |degrees: usize| {
        let (sin, cos) = (degrees as f64).to_radians().sin_cos();
        let x = width as f64 / 2.0 + radius * cos;
        let y = height as f64 / 2.0 + radius * sin;
        picture[y as usize * width + x as usize]
    };
    // Between what is never drawn on and the brightest there is.
    let back = picture[height / 8 * width + width / 2];
    let levels: Vec<u8> = (0..360).map(level).collect();
    let front = *levels.iter().max()?;
    if front < back.saturating_add(CONTRAST) {
        return None;
    }
    let drawn = |level: &&u8| **level > back + (front - back) / 2;
    Some(levels.iter().filter(drawn).count())
}

/// One character: its rows, each column a bit.
type Glyph = Vec<u64>;

/// The characters above the disc, from the left: what stands apart is one.
fn digits(picture: &[u8], width: usize, height: usize) -> Option<Vec<Glyph>> {
    // Beside the squares in the corners, which are 80 wide.
    let (left, right) = (84, width.checked_sub(84)?.min(460));
    let rows = 24..height.min(72);
    let area = || {
        rows.clone()
            .map(|y| &picture[y * width + left..y * width + right])
    };
    let levels = area().flatten();
    let (back, front) = (*levels.clone().min()?, *levels.max()?);
    if front < back.saturating_add(CONTRAST) {
        return None;
    }
    let middle = back + (front - back) / 2;
    let inked = |x: usize| area().any(|row| row[x] > middle);
    let mut glyphs = Vec::new();
    let mut begin = None;
    for x in 0..right - left {
        match (inked(x), begin) {
            (true, None) => begin = Some(x),
            (false, Some(from)) => {
                let bits = |row: &[u8]| {
                    let columns = row[from..x].iter().take(64);
                    columns.fold(0, |bits, level| bits << 1 | u64::from(*level > middle))
                };
                glyphs.push(area().map(bits).collect());
                begin = None;
            }
            _ => {}
        }
    }
    Some(glyphs)
}

/// Whether two characters are the same one, but for what the encoder and half a pixel do.
fn alike(one: &Glyph, other: &Glyph) -> bool {
    let ink = |glyph: &Glyph| glyph.iter().map(|row| row.count_ones()).sum::<u32>();
    let differences = (-1..=1).map(|shift: i32| {
        let moved = |row: u64| if shift < 0 { row >> 1 } else { row << shift };
        let rows = one.iter().zip(other);
        rows.map(|(a, b)| (moved(*a) ^ b).count_ones()).sum::<u32>()
    });
    let least = differences.min().unwrap_or(u32::MAX);
    least * 5 < ink(one)
}

/// What makes a picture one: levels between background and drawing.
const CONTRAST: u8 = 30;
