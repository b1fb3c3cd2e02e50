//! Letters of straight strokes with round ends, so that one drawing serves every size.

/// Units from the top of a capital to its foot, and across it.
pub(super) const HEIGHT: f32 = 12.0;
const WIDTH: f32 = 8.0;
/// Units between two letters.
const GAP: f32 = 3.2;

/// Lines from point to point, in units: the last digits of each point are its x and its y, in base 13.
fn strokes(letter: char) -> &'static [&'static str] {
    match letter {
        '0' | 'O' => &["20 60 82 8a 6c 2c 0a 02 20"],
        '1' => &["13 50 5c"],
        '2' => &["02 20 60 82 84 0c 8c"],
        '3' => &["02 20 60 82 84 66 36", "66 88 8a 6c 2c 0a"],
        '4' => &["6c 60 09 89"],
        '5' => &["80 00 05 65 87 8a 6c 2c 0a"],
        '6' => &["82 60 20 02 0a 2c 6c 8a 87 65 25 07"],
        '7' => &["00 80 3c"],
        '8' => &["26 04 02 20 60 82 84 66 26 08 0a 2c 6c 8a 88 66"],
        '9' => &["0a 2c 6c 8a 82 60 20 02 05 27 67 85"],
        'A' => &["0c 03 30 50 83 8c", "07 87"],
        'B' => &["06 66 88 8a 6c 0c 00 60 82 84 66"],
        'C' => &["82 60 20 02 0a 2c 6c 8a"],
        'D' => &["00 50 83 89 5c 0c 00"],
        'E' => &["80 00 0c 8c", "06 66"],
        'F' => &["80 00 0c", "06 66"],
        'G' => &["82 60 20 02 0a 2c 6c 8a 87 57"],
        'H' => &["00 0c", "80 8c", "06 86"],
        'I' => &["20 2c"],
        'J' => &["80 8a 6c 2c 0a"],
        'K' => &["00 0c", "80 06 8c"],
        'L' => &["00 0c 8c"],
        'M' => &["0c 00 46 80 8c"],
        'N' => &["0c 00 8c 80"],
        'P' => &["0c 00 60 82 85 67 07"],
        'Q' => &["20 60 82 8a 6c 2c 0a 02 20", "59 8c"],
        'R' => &["0c 00 60 82 85 67 07", "47 8c"],
        'S' => &["82 60 20 02 04 26 66 88 8a 6c 2c 0a"],
        'T' => &["00 80", "40 4c"],
        'U' => &["00 0a 2c 6c 8a 80"],
        'V' => &["00 4c 80"],
        'W' => &["00 2c 45 6c 80"],
        'X' => &["00 8c", "80 0c"],
        'Y' => &["00 46 80", "46 4c"],
        'Z' => &["00 80 0c 8c"],
        ':' => &["24 24", "29 29"],
        '.' => &["2c 2c"],
        '-' => &["17 77"],
        '/' => &["0c 80"],
        '×' => &["15 79", "75 19"],
        _ => &[],
    }
}

fn width(letter: char) -> f32 {
    match letter {
        ':' | '.' | 'I' => 4.0,
        ' ' => 4.0,
        _ => WIDTH,
    }
}

/// How far the next letter begins after this one, in units.
pub(super) fn advance(letter: char) -> f32 {
    width(letter) + GAP
}

/// The width of a text, in units.
pub(super) fn measure(text: &str) -> f32 {
    (text.chars().map(advance).sum::<f32>() - GAP).max(0.0)
}

/// How much of a pixel around (`x`, `y`) lies within the strokes of a letter, `unit` pixels each and `thick` wide: 0 to 1.
pub(super) fn coverage(letter: char, unit: f32, thick: f32, x: f32, y: f32) -> f32 {
    let mut nearest = f32::MAX;
    for line in strokes(letter) {
        let mut before = None;
        for point in line.split(' ').filter_map(|point| Some(place(point)?).map(|(x, y)| (x * unit, y * unit))) {
            let from = before.replace(point).unwrap_or(point);
            nearest = nearest.min(distance((x, y), from, point));
        }
    }
    (thick / 2.0 - nearest + 0.5).clamp(0.0, 1.0)
}

fn place(point: &str) -> Option<(f32, f32)> {
    let mut digits = point.chars().map(|digit| digit.to_digit(13));
    Some((digits.next()?? as f32, digits.next()?? as f32))
}

/// From a point to the line between two others.
fn distance((x, y): (f32, f32), (ax, ay): (f32, f32), (bx, by): (f32, f32)) -> f32 {
    let (dx, dy) = (bx - ax, by - ay);
    let length = dx * dx + dy * dy;
    let along = if length > 0.0 { (((x - ax) * dx + (y - ay) * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
    (x - ax - along * dx).hypot(y - ay - along * dy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_we_write_has_strokes_within_its_box() {
        for letter in ('A'..='Z').chain('0'..='9').chain(":.-/×".chars()) {
            assert!(!strokes(letter).is_empty(), "{letter}");
            for point in strokes(letter).iter().flat_map(|line| line.split(' ')) {
                let (x, y) = place(point).unwrap();
                assert!(x <= width(letter) && y <= HEIGHT, "{letter} {point}");
            }
        }
    }

    #[test]
    fn a_stroke_covers_what_lies_on_it() {
        assert_eq!(coverage('I', 4.0, 4.0, 8.0, 20.0), 1.0);
        assert_eq!(coverage('I', 4.0, 4.0, 14.0, 20.0), 0.0);
        assert_eq!(coverage(' ', 4.0, 4.0, 8.0, 20.0), 0.0);
        assert!(measure("00") < measure("000") && measure("") == 0.0);
    }
}
