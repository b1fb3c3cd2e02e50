//! A picture in memory, YUV 4:2:0 as encoders take it, and brushes with smooth edges.

/// A colour by BT.709 in the limited range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    y: u8,
    u: u8,
    v: u8,
}

impl Colour {
    /// From red, green and blue as screens have them.
    pub fn rgb(red: u8, green: u8, blue: u8) -> Self {
        let [r, g, b] = [red, green, blue].map(|part| f32::from(part) / 255.0);
        let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
        let chroma = |part: f32, scale: f32| (128.0 + 224.0 * (part - y) / scale).round() as u8;
        Self { y: (16.0 + 219.0 * y).round() as u8, u: chroma(b, 1.8556), v: chroma(r, 1.5748) }
    }

    /// That much of it, the rest of another.
    pub fn over(self, other: Self, part: f32) -> Self {
        let mix = |a: u8, b: u8| blend(b, a, part);
        Self { y: mix(self.y, other.y), u: mix(self.u, other.u), v: mix(self.v, other.v) }
    }
}

/// A picture. All sizes and places are in pixels; what lies outside is left out.
#[derive(Clone)]
pub struct Canvas {
    width: usize,
    height: usize,
    /// Brightness, then the two halves of colour, each half as wide and high.
    planes: [Vec<u8>; 3],
}

impl Canvas {
    /// All of one colour.
    pub fn new(width: usize, height: usize, colour: Colour) -> Self {
        let (width, height) = (width & !1, height & !1);
        let half = width * height / 4;
        Self { width, height, planes: [vec![colour.y; width * height], vec![colour.u; half], vec![colour.v; half]] }
    }

    /// One plane's rows, each of them so long.
    pub fn plane(&self, index: usize) -> (&[u8], usize) {
        let width = if index == 0 { self.width } else { self.width / 2 };
        (self.planes.get(index).map_or(&[], Vec::as_slice), width)
    }

    /// Takes over the picture of another of the same size.
    pub fn copy_from(&mut self, other: &Self) {
        for (ours, theirs) in self.planes.iter_mut().zip(&other.planes) {
            ours.clone_from(theirs);
        }
    }

    /// Paints where `cover` says, from 0 to 1, within a box. It is asked at the middle of pixels.
    pub fn paint(
        &mut self,
        (left, top, width, height): (f32, f32, f32, f32),
        colour: Colour,
        cover: impl Fn(f32, f32) -> f32,
    ) {
        let Colour { y, u, v } = colour;
        let all = [(1.0, y), (2.0, u), (2.0, v)];
        for (index, (step, value)) in all.into_iter().enumerate() {
            let (wide, high) = if index == 0 { (self.width, self.height) } else { (self.width / 2, self.height / 2) };
            let Some(plane) = self.planes.get_mut(index) else { continue };
            let columns = span(left / step, (left + width) / step, wide);
            for row in span(top / step, (top + height) / step, high) {
                let pixels = plane.get_mut(row * wide + columns.start..row * wide + columns.end);
                for (pixel, column) in pixels.unwrap_or_default().iter_mut().zip(columns.clone()) {
                    let part = cover((column as f32 + 0.5) * step, (row as f32 + 0.5) * step);
                    *pixel = blend(*pixel, value, part);
                }
            }
        }
    }

    /// A disc.
    pub fn disc(&mut self, (x, y): (f32, f32), radius: f32, colour: Colour, strength: f32) {
        let side = 2.0 * radius + 4.0;
        self.paint((x - side / 2.0, y - side / 2.0, side, side), colour, |px, py| {
            (radius + 0.5 - (px - x).hypot(py - y)).clamp(0.0, 1.0) * strength
        });
    }

    /// The rim of a disc.
    pub fn ring(&mut self, (x, y): (f32, f32), radius: f32, thick: f32, colour: Colour) {
        let side = 2.0 * radius + thick + 4.0;
        self.paint((x - side / 2.0, y - side / 2.0, side, side), colour, |px, py| {
            (thick / 2.0 + 0.5 - ((px - x).hypot(py - y) - radius).abs()).clamp(0.0, 1.0)
        });
    }

    /// A block with sharp edges.
    pub fn block(&mut self, place: (f32, f32, f32, f32), colour: Colour) {
        self.paint(place, colour, |_, _| 1.0);
    }

    /// Paints through a mask, whose upper left corner lies there; both are rounded down to even numbers.
    pub fn stamp(&mut self, mask: &Mask, (x, y): (usize, usize), colour: Colour) {
        let Colour { y: luma, u, v } = colour;
        let (luma_mask, chroma_mask) = (&mask.luma[..], &mask.chroma[..]);
        for (index, (half, value, cover)) in
            [(1, luma, luma_mask), (2, u, chroma_mask), (2, v, chroma_mask)].into_iter().enumerate()
        {
            let (wide, high) = (self.width / half, self.height / half);
            let (left, top, across) = ((x & !1) / half, (y & !1) / half, mask.width / half);
            let Some(plane) = self.planes.get_mut(index) else { continue };
            if left >= wide || across == 0 {
                continue;
            }
            for (row, cover) in cover.chunks(across).enumerate().take(high.saturating_sub(top)) {
                let from = (top + row) * wide;
                let pixels = plane.get_mut(from + left..from + wide).unwrap_or_default();
                for (pixel, &part) in pixels.iter_mut().zip(cover).filter(|(_, part)| **part > 0) {
                    let (under, over, part) = (i32::from(*pixel), i32::from(value), i32::from(part));
                    *pixel = (under + (over - under) * part / 255) as u8;
                }
            }
        }
    }
}

/// How much of each pixel is covered: a shape that is drawn often and worked out once.
pub struct Mask {
    width: usize,
    luma: Vec<u8>,
    chroma: Vec<u8>,
}

impl Mask {
    /// A shape within a box; `cover` is asked at the middle of pixels and says 0 to 1.
    pub fn new(width: usize, height: usize, cover: impl Fn(f32, f32) -> f32) -> Self {
        let (width, height) = (width.next_multiple_of(2), height.next_multiple_of(2));
        let plane = |step: usize| {
            let middle = |at: usize| (at as f32 + 0.5) * step as f32;
            let rows = (0..height / step).flat_map(|row| (0..width / step).map(move |column| (column, row)));
            rows.map(|(column, row)| (cover(middle(column), middle(row)).clamp(0.0, 1.0) * 255.0).round() as u8)
                .collect()
        };
        Self { width, luma: plane(1), chroma: plane(2) }
    }
}

fn span(from: f32, to: f32, most: usize) -> std::ops::Range<usize> {
    // Negative ones become zero.
    let (from, to) = ((from.floor() as usize).min(most), (to.ceil() as usize).min(most));
    from..to.max(from)
}

fn blend(under: u8, over: u8, part: f32) -> u8 {
    let (under, over) = (f32::from(under), f32::from(over));
    (under + (over - under) * part.clamp(0.0, 1.0)).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_bt709() {
        let of = |red, green, blue| {
            let Colour { y, u, v } = Colour::rgb(red, green, blue);
            [y, u, v]
        };
        assert_eq!(of(255, 255, 255), [235, 128, 128]);
        assert_eq!(of(0, 0, 0), [16, 128, 128]);
        assert_eq!(of(255, 0, 0), [63, 102, 240]);
        assert_eq!(of(0, 0, 255), [32, 240, 118]);
    }

    #[test]
    fn what_lies_outside_is_left_out() {
        let mut canvas = Canvas::new(16, 16, Colour::rgb(0, 0, 0));
        canvas.disc((0.0, 0.0), 8.0, Colour::rgb(255, 255, 255), 1.0);
        let square = Mask::new(6, 6, |_, _| 1.0);
        canvas.stamp(&square, (12, 15), Colour::rgb(0, 0, 255));
        canvas.stamp(&square, (100, 100), Colour::rgb(0, 0, 255));
        canvas.block((14.0, 14.0, 100.0, 100.0), Colour::rgb(255, 0, 0));
        let (rows, width) = canvas.plane(0);
        assert_eq!((rows.len(), width, rows[0], rows[255]), (256, 16, 235, 63));
        assert_eq!((rows[14 * 16 + 12], rows[14 * 16 + 11], rows[13 * 16 + 12]), (32, 16, 16));
    }
}
