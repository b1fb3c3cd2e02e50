//! A test picture that carries the wall clock, for machines and for people.
//!
//! At the top a row of 40 cells says at which millisecond the frame was due: four cells of sync (white, black, white,
//! black), 32 bits of Unix time in milliseconds, highest first, and four bits of parity over them. Cells span 1/40 of
//! the width, so any scaling that keeps the aspect leaves them where they were. Below are a clock in UTC, a box that
//! wanders, and a square that flashes in the first 100 ms of every second, when the sound beeps.

use std::f64::consts::TAU;

/// Cells in the row.
pub const CELLS: usize = 40;

/// How long the flash and the beep last at the start of every second.
pub const FLASH_MS: u64 = 100;

/// Raw planar 4:2:0 pictures of one size.
pub struct Card {
    width: usize,
    height: usize,
    back: Vec<u8>,
    frame: Vec<u8>,
    grain: Vec<u8>,
}

/// Bytes of grain to choose from.
const GRAIN: usize = 1 << 16;

impl Card {
    /// Both sides must be even.
    pub fn new(width: usize, height: usize) -> Self {
        assert!(width.is_multiple_of(2) && height.is_multiple_of(2) && width >= 160 && height >= 90);
        let back = background(width, height);
        // A linear congruential generator will do: the encoder is easily surprised.
        let mut seed = 1u32;
        let mut noise = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            110 + (seed >> 24) as u8 / 8
        };
        let grain = (0..GRAIN).map(|_| noise()).collect();
        Self { width, height, frame: back.clone(), back, grain }
    }

    /// The picture that is due at `wall_ms` (Unix time), the `n`-th of its stream.
    pub fn draw(&mut self, wall_ms: u64, n: u64) -> &[u8] {
        self.frame.copy_from_slice(&self.back);
        self.draw_grain(n);
        self.draw_box(n);
        self.draw_row(wall_ms);
        self.draw_clock(wall_ms);
        if wall_ms % 1000 < FLASH_MS {
            let (w, h) = (self.width, self.height);
            self.fill(w - w / 6, h / 5, w / 8, h / 5, 235);
        }
        &self.frame
    }

    fn draw_row(&mut self, wall_ms: u64) {
        let (top, bottom) = row(self.height);
        for (i, bit) in cells(wall_ms).into_iter().enumerate() {
            let (left, right) = (i * self.width / CELLS, (i + 1) * self.width / CELLS);
            self.fill(left, top, right - left, bottom - top, if bit { 235 } else { 16 });
        }
    }

    fn draw_clock(&mut self, wall_ms: u64) {
        let day = wall_ms / 1000 % 86_400;
        let text = format!("{:02}:{:02}:{:02}.{:03}", day / 3600, day / 60 % 60, day % 60, wall_ms % 1000);
        let (w, h) = (self.width / 20, self.height / 6);
        let top = self.height * 3 / 4;
        let left = self.width / 2 - text.len() * w / 2;
        self.fill(left - w / 2, top - h / 6, text.len() * w + w / 2, h + h / 3, 16);
        for (i, glyph) in text.bytes().enumerate() {
            self.draw_glyph(glyph, left + i * w, top, w * 3 / 4, h);
        }
    }

    /// A digit in seven segments, or a separator.
    fn draw_glyph(&mut self, glyph: u8, x: usize, y: usize, w: usize, h: usize) {
        let t = (w / 5).max(1);
        let lit: u8 = match glyph {
            b':' => {
                self.fill(x + w / 2, y + h / 4, t, t, 235);
                return self.fill(x + w / 2, y + h * 3 / 4, t, t, 235);
            }
            b'.' => return self.fill(x + w / 2, y + h - t, t, t, 235),
            digit => [0x77, 0x24, 0x5d, 0x6d, 0x2e, 0x6b, 0x7b, 0x25, 0x7f, 0x6f][usize::from(digit - b'0')],
        };
        let half = h / 2;
        let bars = [
            (x, y, w, t),
            (x, y, t, half),
            (x + w - t, y, t, half),
            (x, y + half - t / 2, w, t),
            (x, y + half, t, half),
            (x + w - t, y + half, t, half),
            (x, y + h - t, w, t),
        ];
        for (i, (x, y, w, h)) in bars.into_iter().enumerate() {
            if lit >> i & 1 == 1 {
                self.fill(x, y, w, h, 235);
            }
        }
    }

    fn draw_box(&mut self, n: u64) {
        let side = self.height / 5;
        let x = bounce(n * self.width as u64 / 160, (self.width - side) as u64);
        let y = bounce(n * self.height as u64 / 200, (self.height - side) as u64);
        self.fill(x, y, side, side, 180);
        self.fill(x + side / 4, y + side / 4, side / 2, side / 2, 60);
    }

    /// A band of grain that jumps about: what keeps a real encoder at its bitrate.
    fn draw_grain(&mut self, n: u64) {
        let (width, top, lines) = (self.width, self.height * 3 / 10, self.height / 4);
        for line in 0..lines {
            let from = (n as usize * 7919 + line * 613) % (GRAIN - width);
            let start = (top + line) * width;
            self.frame[start..start + width].copy_from_slice(&self.grain[from..from + width]);
        }
    }

    /// Fills a rectangle with grey.
    fn fill(&mut self, x: usize, y: usize, w: usize, h: usize, luma: u8) {
        let (width, height) = (self.width, self.height);
        let (left, right, bottom) = (x.min(width), (x + w).min(width), (y + h).min(height));
        for line in y..bottom {
            self.frame[line * width + left..line * width + right].fill(luma);
        }
        let (chroma, size) = (width * height, width * height / 4);
        for line in y / 2..bottom / 2 {
            let (from, to) = (line * width / 2 + left / 2, line * width / 2 + right / 2);
            self.frame[chroma + from..chroma + to].fill(128);
            self.frame[chroma + size + from..chroma + size + to].fill(128);
        }
    }
}

/// First line of the row and the line after its last.
pub fn row(height: usize) -> (usize, usize) {
    (height / 40, height / 8)
}

/// What the 40 cells show at `wall_ms`; true is white.
pub fn cells(wall_ms: u64) -> [bool; CELLS] {
    let stamp = wall_ms as u32;
    let word = 0b1010 << 36 | u64::from(stamp) << 4 | u64::from(parity(stamp));
    std::array::from_fn(|i| word >> (CELLS - 1 - i) & 1 == 1)
}

/// The low 32 bits of the millisecond, or `None` if sync or parity do not fit.
pub fn read(cells: [bool; CELLS]) -> Option<u32> {
    let word = cells.iter().fold(0u64, |word, &bit| word << 1 | u64::from(bit));
    let stamp = (word >> 4) as u32;
    (word >> 36 == 0b1010 && (word & 15) as u8 == parity(stamp)).then_some(stamp)
}

/// The nibbles folded together, turned so that all black and all white fail.
fn parity(stamp: u32) -> u8 {
    (0..8).fold(0b0110, |sum, nibble| sum ^ (stamp >> (4 * nibble)) as u8 & 15)
}

/// The sound at `wall_us` microseconds: a 1 kHz beep in the first 100 ms of every second, else silence.
pub fn sample(wall_us: u64) -> i16 {
    let into = wall_us % 1_000_000;
    if into >= FLASH_MS * 1000 {
        return 0;
    }
    ((into as f64 / 1000.0 * TAU).sin() * 12_000.0) as i16
}

/// Colour bars over a slow gradient: something for the eye and for the encoder.
fn background(width: usize, height: usize) -> Vec<u8> {
    const BARS: [(u8, u8, u8); 7] = [
        (180, 128, 128),
        (162, 44, 142),
        (131, 156, 44),
        (112, 72, 58),
        (84, 184, 198),
        (65, 100, 212),
        (35, 212, 114),
    ];
    let mut frame = Vec::with_capacity(width * height * 3 / 2);
    for y in 0..height {
        frame.extend((0..width).map(|x| BARS[x * 7 / width].0.saturating_sub((y * 40 / height) as u8)));
    }
    for plane in 0..2 {
        for _ in 0..height / 2 {
            let bars = (0..width / 2).map(|x| BARS[x * 14 / width]);
            frame.extend(bars.map(|(_, u, v)| if plane == 0 { u } else { v }));
        }
    }
    frame
}

/// `at`, running to and fro between zero and `span`.
fn bounce(at: u64, span: u64) -> usize {
    let phase = at % (2 * span.max(1));
    phase.min(2 * span - phase) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_reads_back_from_its_cells() {
        for stamp in [0, 1, 0x5a5a_a5a5, 1_790_000_000_123, u64::from(u32::MAX)] {
            assert_eq!(read(cells(stamp)), Some(stamp as u32));
        }
    }

    #[test]
    fn one_wrong_cell_is_noticed() {
        for i in 0..CELLS {
            let mut cells = cells(1_790_000_000_123);
            cells[i] = !cells[i];
            assert_eq!(read(cells), None, "cell {i}");
        }
    }

    #[test]
    fn picture_carries_its_cells() {
        let mut card = Card::new(1280, 720);
        let frame = card.draw(1_790_000_000_123, 7);
        let (top, bottom) = row(720);
        let line = (top + bottom) / 2 * 1280;
        let seen = std::array::from_fn(|i| frame[line + i * 32 + 16] > 128);
        assert_eq!(read(seen), Some(1_790_000_000_123_u64 as u32));
    }

    #[test]
    fn sound_beeps_while_the_square_flashes() {
        assert_ne!(sample(5_000_250), 0);
        assert_eq!(sample(5_100_250), 0);
    }
}
