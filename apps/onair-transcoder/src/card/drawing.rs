//! What the test card looks like.

use std::collections::HashMap;

use super::canvas::{Canvas, Colour, Mask};
use super::font;

const MILLION: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MILLION;
/// For so long at the beginning of each second the lamp is lit; the beep sounds as long.
pub const FLASH_NS: i64 = 100 * MILLION;

/// Draws the card of any moment. What does not move is drawn once.
pub struct Picture {
    still: Canvas,
    canvas: Canvas,
    /// Pixels for one of the drawing's, which is 1280 wide.
    scale: f32,
    rate: u16,
    /// Letters by size and thickness, as far as they were needed.
    letters: HashMap<(char, u32, u32), Mask>,
}

/// Where things are, on a drawing of 1280 × 720.
const LAMP: (f32, f32) = (206.0, 296.0);
const LAMP_RADIUS: f32 = 62.0;
const ORBIT: f32 = 92.0;
const CLOCK: (f32, f32) = (356.0, 250.0);
const CLOCK_UNIT: f32 = 7.14;
const STRIPES: (f32, f32, f32, f32) = (64.0, 470.0, 1152.0, 18.0);
const BARS: (f32, f32, f32, f32) = (64.0, 504.0, 1152.0, 124.0);
const RAMP: (f32, f32, f32, f32) = (64.0, 636.0, 1152.0, 24.0);

struct Palette {
    top: Colour,
    ground: Colour,
    line: Colour,
    ink: Colour,
    quiet: Colour,
    accent: Colour,
    live: Colour,
}

fn palette() -> Palette {
    Palette {
        top: Colour::rgb(0x16, 0x2a, 0x2c),
        ground: Colour::rgb(0x0b, 0x11, 0x12),
        line: Colour::rgb(0x2b, 0x3c, 0x3f),
        ink: Colour::rgb(0xe9, 0xef, 0xec),
        quiet: Colour::rgb(0x8c, 0x9f, 0x9d),
        accent: Colour::rgb(0x7a, 0xd3, 0xc3),
        live: Colour::rgb(0xff, 0x5c, 0x3a),
    }
}

impl Picture {
    /// A card of that size and rate.
    pub fn new(width: u16, height: u16, rate: u16) -> Self {
        let scale = (f32::from(width) / 1280.0).min(f32::from(height) / 720.0);
        let still = Canvas::new(width.into(), height.into(), palette().ground);
        let mut picture = Self { canvas: still.clone(), still, scale, rate, letters: HashMap::new() };
        picture.draw_still(width, height);
        // The letters that it will need, so that no picture takes longer than the others.
        for digit in 0..10 {
            picture.at(
                digit * (36_000 + 3_600 + 600 + 60 + 11) * SECOND + digit * 111 * MILLION,
                1_111_111 * digit.unsigned_abs(),
            );
        }
        picture
    }

    /// The card at that time of day; `number` is the picture's.
    pub fn at(&mut self, wall_ns: i64, number: u64) -> &Canvas {
        let Palette { line, ink, quiet, accent, live, .. } = palette();
        self.canvas.copy_from(&self.still);
        let within = wall_ns.rem_euclid(SECOND);
        let turn = within as f32 / SECOND as f32;

        let is_lit = within < FLASH_NS;
        self.disc(LAMP, LAMP_RADIUS, if is_lit { live } else { line.over(palette().ground, 0.5) }, 1.0);
        if is_lit {
            self.disc((LAMP.0 - 14.0, LAMP.1 - 14.0), LAMP_RADIUS * 0.5, Colour::rgb(255, 255, 255), 0.35);
        }
        // A hand that goes round once a second, and its trail.
        for behind in (0..14_u8).rev() {
            let angle = (turn - f32::from(behind) * 0.014) * std::f32::consts::TAU;
            let (sin, cos) = angle.sin_cos();
            let strength = (1.0 - f32::from(behind) / 14.0).powi(2);
            let radius = if behind == 0 { 9.0 } else { 7.0 };
            self.disc((LAMP.0 + ORBIT * sin, LAMP.1 - ORBIT * cos), radius, accent, strength);
        }

        let clock = clock(wall_ns);
        let (day, milliseconds) = clock.split_at(clock.len() - 4);
        self.text(day, CLOCK, CLOCK_UNIT, 11.0, ink);
        let after = CLOCK.0 + (font::measure(day) + 3.2) * CLOCK_UNIT;
        self.text(milliseconds, (after, CLOCK.1), CLOCK_UNIT, 11.0, if is_lit { live } else { accent });
        self.text(&format!("{} UTC", date(wall_ns)), (CLOCK.0, 376.0), 2.0, 3.4, quiet);
        let frame = format!("FRAME {number:07}");
        let right = 1216.0 - font::measure(&frame) * 2.0;
        self.text(&frame, (right, 376.0), 2.0, 3.4, quiet);

        let offset = wall_ns.rem_euclid(2 * SECOND) as f32 / SECOND as f32 * 144.0;
        let place = self.scaled(STRIPES);
        let scale = self.scale;
        self.canvas.paint(place, accent, |x, y| {
            let phase = ((x + y) / scale - offset).rem_euclid(48.0);
            // Soft edges: a sharp one would crawl.
            ((12.0 - (phase - 24.0).abs()) * scale + 0.5).clamp(0.0, 1.0)
        });
        &self.canvas
    }

    fn draw_still(&mut self, width: u16, height: u16) {
        let Palette { top, ground, line, ink, quiet, live, .. } = palette();
        let rows = f32::from(height);
        for row in (0..height).step_by(2) {
            let part = (1.0 - f32::from(row) / rows).powi(2);
            self.canvas.block((0.0, row.into(), width.into(), 2.0), top.over(ground, part));
        }
        // Marks in the corners, to see that nothing is cut off.
        for (x, y, right, down) in
            [(32.0, 32.0, 1.0, 1.0), (1248.0, 32.0, -1.0, 1.0), (32.0, 688.0, 1.0, -1.0), (1248.0, 688.0, -1.0, -1.0)]
        {
            let (across, up) = (28.0 * right, 28.0 * down);
            self.block((f32::min(x, x + across), y - 1.0, 28.0, 2.0), line);
            self.block((x - 1.0, f32::min(y, y + up), 2.0, 28.0), line);
        }
        self.disc((76.0, 86.0), 13.0, live, 1.0);
        self.text("ONAIR", (108.0, 68.0), 3.0, 5.6, ink);
        let shape = format!("{width}×{height}  {} FPS", self.rate);
        self.text(&shape, (1216.0 - font::measure(&shape) * 2.0, 74.0), 2.0, 3.4, quiet);
        self.text("TEST PICTURE", (108.0, 122.0), 1.5, 2.8, quiet);
        let (lamp, radius, thick) = (self.point(LAMP), ORBIT * self.scale, 3.0 * self.scale);
        self.canvas.ring(lamp, radius, thick, line);
        for hour in 0..12_u8 {
            let (sin, cos) = (f32::from(hour) / 12.0 * std::f32::consts::TAU).sin_cos();
            self.disc((LAMP.0 + 112.0 * sin, LAMP.1 - 112.0 * cos), if hour % 3 == 0 { 4.0 } else { 2.4 }, quiet, 1.0);
        }

        self.block(STRIPES, line);
        let bars = [
            (0xbf, 0xbf, 0xbf),
            (0xbf, 0xbf, 0x00),
            (0x00, 0xbf, 0xbf),
            (0x00, 0xbf, 0x00),
            (0xbf, 0x00, 0xbf),
            (0xbf, 0x00, 0x00),
            (0x00, 0x00, 0xbf),
            (0x10, 0x10, 0x10),
        ];
        let (left, y, wide, high) = BARS;
        let each = wide / bars.len() as f32;
        for (index, (red, green, blue)) in bars.into_iter().enumerate() {
            self.block((left + each * index as f32, y, each, high), Colour::rgb(red, green, blue));
        }
        let (left, y, wide, high) = RAMP;
        for step in 0..32_u8 {
            let grey = (u16::from(step) * 255 / 31) as u8;
            self.block((left + wide / 32.0 * f32::from(step), y, wide / 32.0, high), Colour::rgb(grey, grey, grey));
        }
        self.still.copy_from(&self.canvas);
    }

    fn point(&self, (x, y): (f32, f32)) -> (f32, f32) {
        (x * self.scale, y * self.scale)
    }

    fn scaled(&self, (x, y, width, height): (f32, f32, f32, f32)) -> (f32, f32, f32, f32) {
        let scale = self.scale;
        (x * scale, y * scale, width * scale, height * scale)
    }

    fn disc(&mut self, at: (f32, f32), radius: f32, colour: Colour, strength: f32) {
        let at = self.point(at);
        self.canvas.disc(at, radius * self.scale, colour, strength);
    }

    fn block(&mut self, place: (f32, f32, f32, f32), colour: Colour) {
        let place = self.scaled(place);
        self.canvas.block(place, colour);
    }

    fn text(&mut self, text: &str, at: (f32, f32), unit: f32, thick: f32, colour: Colour) {
        let (mut x, y) = self.point(at);
        let (unit, thick) = (unit * self.scale, thick * self.scale);
        let margin = thick.ceil();
        for letter in text.chars() {
            let mask = self.letters.entry((letter, unit.to_bits(), thick.to_bits())).or_insert_with(|| {
                let (width, height) = (font::advance(letter) * unit + margin, font::HEIGHT * unit + 2.0 * margin);
                Mask::new(width.ceil() as usize, height.ceil() as usize, |px, py| {
                    font::coverage(letter, unit, thick, px - margin, py - margin)
                })
            });
            let place = ((x - margin).max(0.0).round() as usize, (y - margin).max(0.0).round() as usize);
            self.canvas.stamp(mask, place, colour);
            x += font::advance(letter) * unit;
        }
    }
}

/// `12:34:56.789`.
fn clock(wall_ns: i64) -> String {
    let ms = (wall_ns + MILLION / 2).div_euclid(MILLION).rem_euclid(86_400_000);
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{:03}", ms % 1000)
}

/// `2026-11-29`, by the algorithm of days in eras of 400 years.
fn date(wall_ns: i64) -> String {
    let days = wall_ns.div_euclid(86_400 * SECOND) + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_and_dates_are_those_on_the_wall() {
        assert_eq!(clock(0), "00:00:00.000");
        assert_eq!(clock(1_795_953_696_789_400_000), "12:01:36.789");
        // The first picture of a second at 30 a second, the last of the one before.
        assert_eq!(clock(59_966_666_667), "00:00:59.967");
        for (days, text) in [(0, "1970-01-01"), (59, "1970-03-01"), (11_016, "2000-02-29"), (20_786, "2026-11-29")] {
            assert_eq!(date(days * 86_400 * SECOND + 5), text);
        }
    }

    /// The mean brightness of the lamp.
    fn lamp(canvas: &Canvas) -> u32 {
        let (rows, width) = canvas.plane(0);
        let rows = rows.chunks(width).skip(280).take(30);
        rows.flat_map(|row| &row[190..220]).map(|&pixel| u32::from(pixel)).sum::<u32>() / 900
    }

    #[test]
    fn the_lamp_is_lit_for_the_first_tenth_of_each_second() {
        let mut picture = Picture::new(1280, 720, 30);
        let lit: Vec<_> = (0..60).filter(|n| lamp(picture.at(n * SECOND / 30 + 7 * SECOND, 0)) > 90).collect();
        assert_eq!(lit, [0, 1, 2, 30, 31, 32]);
    }

    #[test]
    fn every_picture_differs_from_the_one_before() {
        let mut picture = Picture::new(640, 360, 30);
        let mut before = picture.at(0, 0).clone();
        for n in 1..40_u64 {
            let now = picture.at(n as i64 * SECOND / 30, n);
            assert_ne!(now.plane(0).0, before.plane(0).0, "{n}");
            before = now.clone();
        }
    }
}
